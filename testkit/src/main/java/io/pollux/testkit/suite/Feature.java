// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

/**
 * What a filesystem can do. {@link FileSystemSuite} skips a behaviour that needs an undeclared
 * feature. Reads of files and directories need no feature.
 */
public enum Feature {
  /** Writes to blocks that a file already has. */
  WRITE,
  /** Creates and removes regular files. */
  CREATE,
  /** Writes in holes and after the end of a file, and changes of its size. Needs {@link #WRITE}. */
  ALLOCATE,
  /** Creates and removes directories. */
  DIRECTORIES,
  /** Gives a file several names. */
  HARD_LINKS,
  /** Creates symbolic links. */
  SYMLINKS,
  /** Moves and replaces names, also with RENAME_NOREPLACE. */
  RENAME,
  /** Exchanges two names. */
  RENAME_EXCHANGE,
  /** Creates device nodes, fifos and sockets. */
  MKNOD,
  /** Creates files without a name (O_TMPFILE). */
  TMPFILE,
  /** Keeps extended attributes of the user. */
  XATTR,
  /** Changes mode, owner and times. */
  ATTRIBUTES,
  /** Keeps the time of the last change of an inode, and a directory's times. */
  CHANGE_TIMES,
  /** Counts the blocks of a file, none for a hole. */
  HOLES,
  /** Reserves space (fallocate). */
  FALLOCATE,
  /** Punches holes (fallocate with FALLOC_FL_PUNCH_HOLE). */
  PUNCH_HOLE,
  /** Files larger than 4 GiB. */
  LARGE_FILES,
  /** A disk of its own that files can fill. */
  FILLS_UP,
  /** Direct I/O. */
  DIRECT,
  /** Polled I/O through rings. Needs {@link #DIRECT}. */
  POLLED,
  /** I/O that does not block (RWF_NOWAIT). */
  NOWAIT,
  /** Finds holes and data (SEEK_HOLE, SEEK_DATA). */
  SEEK,
  /** Lists extents (FS_IOC_FIEMAP). */
  FIEMAP,
  /** Keeps its files across an unmount, and mounts read-only. */
  REMOUNT,
  /** Keeps what fsync made durable after a power cut. Needs {@link #REMOUNT} and a disk. */
  DURABLE,
  /** Keeps names that sync, or fsync of a directory, made durable after a power cut. */
  DURABLE_NAMES,
  /** Passes errors of its disk to the caller. Needs a disk. */
  DISK_ERRORS,
  /** Detects changed metadata, so each successful read is right. Needs a disk. */
  CHECKSUMS,
  /** Finds no damage in its own images ({@link io.pollux.block.bdev.FileSystemType#check}). */
  CHECK
}
