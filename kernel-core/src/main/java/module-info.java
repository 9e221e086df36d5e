// SPDX-License-Identifier: GPL-2.0-only

/**
 * The part of the kernel that every floor above stands on: mm (user address spaces, pages, the iov_iter
 * contract), sched (processes, tasks, waiting), vfs (files, kiocbs, inodes, path lookup) and filemap (the page
 * cache), each of which uses only those before it; and ramfs, a filesystem in memory. It knows neither block
 * devices nor aio nor any filesystem on a disk.
 */
module io.pollux.core {
  requires static transitive org.jspecify;
  requires transitive io.pollux.uapi;

  exports io.pollux.core;
  exports io.pollux.core.filemap;
  exports io.pollux.core.mm;
  exports io.pollux.core.ramfs;
  exports io.pollux.core.sched;
  exports io.pollux.core.vfs;
}
