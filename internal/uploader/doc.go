// Package uploader is the sending side of direct uploads: it creates an upload through the API and brings a file over a
// line that breaks, to a server that may stop and start again, from a process that may do so too.
//
// The protocol is that of UpChunk and mux-uploader (reference page, 6), with the status query that these do not send:
// after every failure the server is asked what it has, and sending goes on there. What is needed to go on in another
// process is a small file in the user's cache folder that names the upload; the bytes that were kept are known by the
// server alone.
//
// The package knows nothing of servers: it may speak to any that has Mux's API.
package uploader
