// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.block.buffer.BufOps;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;

/**
 * The header of {@link #HEADER_BYTES} that most blocks begin with, a magic number and a type, and
 * the verifier of each type. Blocks have no checksums.
 */
@LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "gfs2_meta_header")
final class Gfs2Meta implements BufOps {
  /** The magic number of every block of metadata. */
  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "GFS2_MAGIC")
  static final int MAGIC = 0x01161970;

  /** Bytes of the header. */
  static final int HEADER_BYTES = 24;

  /** The type of the superblock. */
  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "GFS2_METATYPE_SB")
  static final int METATYPE_SB = 1;

  /** The type of the log header that ends each transaction of a journal. */
  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "GFS2_METATYPE_LH")
  static final int METATYPE_LH = 8;

  /** The first block of a resource group. */
  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "GFS2_METATYPE_RG")
  static final BufOps RGRP = new Gfs2Meta("gfs2_rgrp", 2);

  /** A further block of a resource group's bitmap. */
  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "GFS2_METATYPE_RB")
  static final BufOps RGRP_BITMAP = new Gfs2Meta("gfs2_rgrp_bitmap", 3);

  /** An inode. */
  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "GFS2_METATYPE_DI")
  static final BufOps DINODE = new Gfs2Meta("gfs2_dinode", 4);

  /** Pointers to blocks. */
  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "GFS2_METATYPE_IN")
  static final BufOps INDIRECT = new Gfs2Meta("gfs2_indirect", 5);

  /** Entries of a directory. */
  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "GFS2_METATYPE_LF")
  static final BufOps LEAF = new Gfs2Meta("gfs2_leaf", 6);

  /** Data with a header: a directory's hash table. */
  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "GFS2_METATYPE_JD")
  static final BufOps JOURNALED_DATA = new Gfs2Meta("gfs2_journaled_data", 7);

  private final String name;
  private final int type;

  private Gfs2Meta(String name, int type) {
    this.name = name;
    this.type = type;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  @LinuxSource(file = "fs/gfs2/util.h", name = "gfs2_metatype_check")
  public void verifyRead(BufData data) throws ErrnoException {
    if (data.i32(0) != MAGIC) {
      throw data.corrupt("bad magic number");
    }
    if (data.i32(4) != type) {
      throw data.corrupt(
          "a block of type " + data.u32(4) + " where one of type " + type + " was expected");
    }
  }

  @Override
  public void verifyWrite(BufEdit data) throws ErrnoException {
    verifyRead(data);
  }
}
