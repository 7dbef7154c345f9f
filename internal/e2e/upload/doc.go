// Package upload sends films to the real program in every way that lines, clients and crashes can twist a direct
// upload, and looks at the one thing that counts: the sha256 of the master.
package upload
