// Package webhook is the door outwards: it brings committed events to the receivers that customers named. One job is
// one attempt; what follows from an attempt (the next one, the release of the lane's next event) is decided in the
// catalog, in the transaction that records it.
//
// An event is delivered at least once: an attempt whose worker died before it was recorded is made again, with the
// same event id. The body is rendered from the event's snapshot and signed as Mux signs (reference page, 4.5).
package webhook
