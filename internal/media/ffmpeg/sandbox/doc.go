// Package sandbox is what a program that reads strangers' bytes runs in. The running program starts itself again; the
// new process takes from itself what ffmpeg does not need, and then becomes ffmpeg.
//
// Its room is media/ffmpeg, its only user. It starts no process: [Spec.Command] says how one is to be started, and the
// other half runs in that process, before main and before most other packages are set up (see init in
// launch_linux.go). So every program that imports media/ffmpeg can be started again, test binaries too, and none can
// forget to.
//
// What is taken away, on Linux:
//
//   - files: Landlock. Readable are libraries, the program, the files that are named; writable the one file that is
//     named and /dev/null. Executable are the program and its loader.
//   - network, other processes, and what Landlock does not know or the kernel's version of it does not know yet
//     (truncation and attributes of files, unix sockets, shared memory, io_uring): a seccomp filter, see
//     filter_linux.go.
//   - rights: capabilities (but the one to open files of other users, which Landlock bounds), no_new_privs.
//   - memory, CPU time, sizes and numbers of files, core dumps, threads: resource limits.
//
// It fails closed: where one of these cannot be had, the process ends and says why, unless [Spec.Open] is set.
package sandbox
