// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.block.BlockDevice;
import io.pollux.core.mm.Slab;
import io.pollux.uapi.LinuxSource;
import org.jspecify.annotations.Nullable;

/**
 * One extent of a file, filled by {@link IomapOps#iomapBegin}: file bytes from {@link #offset()} on, for
 * {@link #length()} bytes, are what {@link #type()} says.
 */
@LinuxSource(file = "include/linux/iomap.h", name = "iomap")
public final class Iomap extends Slab.Item {
  /** What is behind a range of a file. */
  public enum Type {
    /** Nothing: reads as zeroes. */
    HOLE,
    /** Blocks with data. */
    MAPPED,
    /** Blocks that were given to the file and not written yet: reads as zeroes. */
    UNWRITTEN,
    /** Data that lies in the metadata itself: copied. */
    INLINE
  }

  /** The filesystem keeps single blocks, and these were merged for the report. */
  public static final int IOMAP_F_MERGED = 0x10;

  /** Other files use these blocks, too. */
  public static final int IOMAP_F_SHARED = 0x20;

  static final Slab<Iomap> SLAB = new Slab<>(Iomap::new);

  private Type type = Type.HOLE;
  private long offset;
  private long length;
  private long addr;
  private int flags;
  private @Nullable BlockDevice bdev;

  /** Makes an extent to be filled. */
  public Iomap() {}

  /**
   * A range with nothing to read from.
   *
   * @param offset first byte in the file
   * @param length bytes, at least 1
   */
  public void setHole(long offset, long length) {
    set(Type.HOLE, offset, length, 0, null);
  }

  /**
   * A range on a device.
   *
   * @param unwritten whether it reads as zeroes all the same
   * @param offset first byte in the file
   * @param length bytes, at least 1
   * @param addr first byte on the device
   * @param bdev the device
   */
  public void setMapped(boolean unwritten, long offset, long length, long addr, BlockDevice bdev) {
    set(unwritten ? Type.UNWRITTEN : Type.MAPPED, offset, length, addr, bdev);
  }

  /**
   * A range that the filesystem holds in memory.
   *
   * @param offset first byte in the file
   * @param length bytes, at least 1
   * @param addr kernel address of the data, good until the caller lets go of the inode's lock; for IOMAP_REPORT the first byte on
   *     the device instead
   */
  public void setInline(long offset, long length, long addr) {
    set(Type.INLINE, offset, length, addr, null);
  }

  private void set(Type newType, long newOffset, long newLength, long newAddr, @Nullable BlockDevice newBdev) {
    type = newType;
    offset = newOffset;
    length = newLength;
    addr = newAddr;
    flags = 0;
    bdev = newBdev;
  }

  /**
   * Marks the extent for {@link IomapFiemap}. The next range that is set clears it.
   *
   * @param newFlags IOMAP_F_*
   */
  public void setFlags(int newFlags) {
    flags = newFlags;
  }

  /**
   * The marks of the extent.
   *
   * @return IOMAP_F_*
   */
  public int flags() {
    return flags;
  }

  /**
   * What it is.
   *
   * @return the type
   */
  public Type type() {
    return type;
  }

  /**
   * Where it starts.
   *
   * @return first byte in the file
   */
  public long offset() {
    return offset;
  }

  /**
   * How long it is.
   *
   * @return bytes
   */
  public long length() {
    return length;
  }

  /**
   * Where its first byte is: on the device, or, inline and not for IOMAP_REPORT, in kernel memory.
   *
   * @return byte address; 0 for a hole
   */
  public long addr() {
    return addr;
  }

  /**
   * The device.
   *
   * @return the device of a mapped or unwritten extent
   */
  public BlockDevice bdev() {
    BlockDevice device = bdev;
    assert device != null : "an extent without a device";
    return device;
  }
}
