// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.format;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.block.buffer.BufOps;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;

/** Verifies a type of block that has one checksum: the checksum first, then the structure. */
@LinuxSource(file = "fs/xfs/xfs_buf.h", name = "xfs_buf_ops")
public final class XfsBufOps implements BufOps {
  /** Checks the structure of a block. */
  public interface Check {
    void check(XfsSb sb, BufData buf) throws ErrnoException;
  }

  private final String name;
  private final XfsSb sb;
  private final int crcOffset;
  private final Check structure;

  public XfsBufOps(String name, XfsSb sb, int crcOffset, Check structure) {
    this.name = name;
    this.sb = sb;
    this.crcOffset = crcOffset;
    this.structure = structure;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public void verifyRead(BufData data) throws ErrnoException {
    XfsVerify.checkCrc(data, crcOffset);
    structure.check(sb, data);
  }

  @Override
  public void verifyWrite(BufEdit data) throws ErrnoException {
    structure.check(sb, data);
    XfsVerify.updateCrc(data, 0, data.size(), crcOffset);
  }
}
