// Package rig drives the real program as its users do: a process on a folder of its own, an API client, a web server
// with films, and a customer's webhook receiver. Everything listens on loopback, on free ports, and ends with the
// test.
package rig
