// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.format;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.block.buffer.BufOps;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;

/** Verifies a type of block that has one checksum: the checksum first, then the structure. */
@LinuxSource(file = "fs/xfs/xfs_buf.h", name = "xfs_buf_ops")
public final class XfsBufOps implements BufOps, XfsLogType {
  /** Checks the structure of a block. */
  public interface Check {
    void check(XfsSb sb, BufData buf) throws ErrnoException;
  }

  /** The log type of blocks that are leaves or nodes of an index. */
  public static final int INDEX = 0;

  private static final int DA_MAGIC = 8; // its offset

  private final String name;
  private final XfsSb sb;
  private final int crcOffset;
  private final int lsnOffset;
  private final int logType; // INDEX: by the magic number
  private final Check structure;

  /**
   * Creates a type.
   *
   * @param name the name of the type in C
   * @param sb the geometry
   * @param crcOffset where a block has its checksum
   * @param lsnOffset where it has its LSN, or {@link XfsLogType#NO_LSN}
   * @param logType its number in the log, or {@link #INDEX}
   * @param structure checks the rest
   */
  public XfsBufOps(
      String name, XfsSb sb, int crcOffset, int lsnOffset, int logType, Check structure) {
    this.name = name;
    this.sb = sb;
    this.crcOffset = crcOffset;
    this.lsnOffset = lsnOffset;
    this.logType = logType;
    this.structure = structure;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public int logType(BufData block) throws ErrnoException {
    if (logType != INDEX) {
      return logType;
    }
    int magic = block.u16(DA_MAGIC);
    return switch (magic) {
      case 0x3df1 -> DIR_LEAF1_BUF;
      case 0x3dff -> DIR_LEAFN_BUF;
      case 0x3ebe -> DA_NODE_BUF;
      case 0x3bee -> ATTR_LEAF_BUF;
      default -> throw block.corrupt("no block of an index");
    };
  }

  @Override
  public int lsnOffset() {
    return lsnOffset;
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
