// Package ffmpeg runs ffmpeg and ffprobe. It is the only package of the house that starts a process.
//
// Its room is media: it gets names of local files and numbers, never a customer's URL, and knows nothing of films or
// assets. What it starts reads bytes that a stranger chose, so each start is fenced in: the demuxer is named (see
// media/sniff) and no other may be taken up, protocols are files and pipes alone, there is no shell, no terminal, next
// to no environment; the process leads a group of its own that is killed as a whole, and memory, CPU time, wall time,
// open files and output are limited. On systems other than Linux only wall time and output are; [Guards] says so.
// Every start goes through one function, [Runner.run], and by way of the sandbox (media/ffmpeg/sandbox): the process can
// open the input and the output and nothing else of the machine. Linux only; [Runner.Sandbox] tells.
//
// Besides looking and copying it encodes, in two ways. A [Session] of [Runner.Start] makes segments of a rendition: it is
// fed samples with times of our own ([EncodeArgs]), so that ffmpeg never chooses a time or a cut, and may come from a [Pool] of
// processes that were started ahead. [Runner.Transcode] and [Runner.Sound] encode a whole film. Which sizes, rates and levels
// is media/ladder's to say; docs/quality.md has all of it for people.
//
// Arguments come from pure functions with golden tests.
package ffmpeg
