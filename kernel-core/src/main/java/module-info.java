// SPDX-License-Identifier: GPL-2.0-only

/**
 * The core of the kernel, on which all other modules depend. Its packages, each of which uses only
 * earlier ones:
 *
 * <ul>
 *   <li>host: system calls of the host;
 *   <li>mm: user address spaces, pages, the iov_iter contract;
 *   <li>sched: processes, tasks, waiting;
 *   <li>trace: trace points, and the identity of a request;
 *   <li>vfs: files, kiocbs, inodes, path lookup;
 *   <li>filemap: the page cache;
 *   <li>ramfs: a filesystem in memory.
 * </ul>
 *
 * <p>It depends on no block device, on aio, or on a filesystem on disk.
 */
module io.pollux.core {
  requires static transitive org.jspecify;
  requires transitive io.pollux.uapi;
  requires jdk.jfr; // events of the trace points

  exports io.pollux.core;
  exports io.pollux.core.filemap;
  exports io.pollux.core.host;
  exports io.pollux.core.mm;
  exports io.pollux.core.ramfs;
  exports io.pollux.core.sched;
  exports io.pollux.core.trace;
  exports io.pollux.core.vfs;
}
