// Package api is the door of Mux's API: /video/v1, /system/v1, and the two documents that describe them,
// /openapi.json and /docs. Each handler decodes a request with muxapi, calls one use case of the catalog and encodes
// what came back. It decides nothing about films; all its routes stand in routes.go.
//
// Every answer is in the API's envelope, also for routes and methods that do not exist, for panics and for errors of
// our own, whose text never leaves the house.
package api
