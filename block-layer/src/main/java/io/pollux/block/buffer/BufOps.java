// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.buffer;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;

/**
 * Verifies one type of metadata block. One object for each type of a mount: buffers compare it by
 * identity.
 */
@LinuxSource(file = "fs/xfs/xfs_buf.h", name = "xfs_buf_ops")
public interface BufOps {
  /**
   * The name of the type, for the message of every failed verification.
   *
   * @return a name of the filesystem's C code, such as {@code xfs_dir3_data}
   */
  String name();

  /**
   * Verifies contents that were just read. From process context, with the buffer's lock; must do no
   * I/O.
   *
   * @param data the contents
   * @throws ErrnoException by {@link BufData#corrupt} if this is not a valid block of the type at
   *     its position
   */
  @LinuxSource(file = "fs/xfs/xfs_buf.h", name = "verify_read")
  void verifyRead(BufData data) throws ErrnoException;

  /**
   * Verifies contents that are about to be written, and updates the checksum, if the type has one.
   * From process context, with the buffer's lock; must do no I/O.
   *
   * @param data a copy of the contents; it replaces them if this returns
   * @throws ErrnoException if the block must not be written
   */
  @LinuxSource(file = "fs/xfs/xfs_buf.h", name = "verify_write")
  void verifyWrite(BufEdit data) throws ErrnoException;
}
