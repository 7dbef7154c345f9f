// Package token makes and verifies what a URL carries as a credential, and draws the key pairs that sign such
// credentials. It knows no catalog and no request: whoever calls it brings the secret and decides what a valid
// credential allows. Its errors say nothing about why a credential was refused.
package token
