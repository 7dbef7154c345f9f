// Package outbound is the way out: the only HTTP client that may be pointed at an address which a customer chose (an
// input's URL, a webhook).
//
// Its room is the edge of the house, on the way out. Every connection is judged by the address it really goes to,
// after the name was resolved and at each redirect, so that no name, number form or redirect leads into the
// operator's own network. It knows nothing of films, and says what went wrong in kinds ([Error]); the callers put
// them into words for the customer.
//
// It must not grow a second, unguarded way to dial.
package outbound
