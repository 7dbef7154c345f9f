package sqldb

import "syscall"

// networkFS returns the name of the network file system that the folder lies on, or "" for a local one. SQLite's
// write-ahead log shares memory between processes and relies on locks, and neither holds over a network
// (sqlite.org/wal.html, section 1). The numbers are those of linux/magic.h.
func networkFS(folder string) string {
	var st syscall.Statfs_t
	if err := syscall.Statfs(folder, &st); err != nil {
		return ""
	}
	switch uint32(st.Type) { //nolint:unconvert // the field's type differs between architectures
	case 0x6969:
		return "nfs"
	case 0x517b, 0xff534d42, 0xfe534d42:
		return "smb"
	case 0x00c36400:
		return "ceph"
	case 0x5346414f, 0x6b414653:
		return "afs"
	case 0x0bd00bd0:
		return "lustre"
	case 0x19830326:
		return "beegfs"
	default:
		return ""
	}
}
