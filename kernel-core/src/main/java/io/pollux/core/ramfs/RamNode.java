// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.ramfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.Pipe;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;

/**
 * An inode in memory that is neither a file nor a directory: a symbolic link, a device node, a fifo
 * or a socket. A fifo has a pipe. A device node and a socket have a name and attributes only; an
 * open fails with ENXIO.
 */
@Differs(
    kind = Differs.Kind.SIMPLER,
    why = "An open of a device node that a program made fails with ENXIO. Linux opens the driver.",
    test = "RamfsNamesTest#aDeviceNodeHasOnlyANameAndAttributes")
@LinuxSource(file = "fs/inode.c", name = "init_special_inode")
final class RamNode extends RamInode {
  private static final FileOperations SPECIAL = new FileOperations() {};
  private static final byte[] NO_TARGET = {};

  private final long rdev;
  private final byte[] target;
  private final FileOperations operations;

  /** Creates a device node, a fifo or a socket. */
  RamNode(Ramfs fs, Owner owner, long rdev) {
    super(fs, owner, 1);
    this.rdev = rdev;
    target = NO_TARGET;
    operations = isType(StatMode.S_IFIFO) ? Pipe.ofFifo().operations() : SPECIAL;
  }

  /** Creates a symbolic link. */
  RamNode(Ramfs fs, Owner owner, byte[] target) {
    super(fs, owner, 1);
    rdev = 0;
    this.target = target.clone();
    operations = SPECIAL;
  }

  @Override
  long rdev() {
    return rdev;
  }

  @Override
  public long size() {
    return target.length;
  }

  @Override
  @LinuxSource(file = "fs/libfs.c", name = "simple_get_link")
  public byte[] readlink(Task current) throws ErrnoException {
    if (!isType(StatMode.S_IFLNK)) {
      throw new ErrnoException(Errno.EINVAL);
    }
    return target.clone();
  }

  @Override
  public FileOperations fop() {
    return operations;
  }
}
