// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.block.BlockDevice;
import io.pollux.core.mm.Slab;
import io.pollux.uapi.LinuxSource;
import org.jspecify.annotations.Nullable;

/**
 * One extent of a file, filled by {@link IomapOps#iomapBegin}: {@link #length()} file bytes from
 * {@link #offset()} are of type {@link #type()}.
 */
@LinuxSource(file = "include/linux/iomap.h", name = "iomap")
public final class Iomap extends Slab.Item {
  /** What backs a range of a file. */
  public enum Type {
    /** No blocks: reads as zeroes. */
    HOLE,
    /** No blocks yet, but space reserved for data in the page cache: reads as zeroes. */
    DELALLOC,
    /** Blocks with data. */
    MAPPED,
    /** Blocks that are allocated but not written yet: reads as zeroes. */
    UNWRITTEN,
    /** Data inside the metadata: copied. */
    INLINE
  }

  /** The blocks were allocated for this request, and hold other files' old data. */
  public static final int IOMAP_F_NEW = 0x01;

  /** Metadata of the extent is not durable yet, so a durable write must sync the file. */
  public static final int IOMAP_F_DIRTY = 0x02;

  /** The filesystem keeps single blocks and merged these for the report. */
  public static final int IOMAP_F_MERGED = 0x10;

  /** Other files share these blocks. */
  public static final int IOMAP_F_SHARED = 0x20;

  static final Slab<Iomap> SLAB = new Slab<>(Iomap::new);

  private Type type = Type.HOLE;
  private long offset;
  private long length;
  private long addr;
  private int flags;
  private @Nullable BlockDevice bdev;

  /** Makes an empty extent, for iomapBegin to fill. */
  public Iomap() {}

  /**
   * Sets a hole.
   *
   * @param offset first byte in the file
   * @param length bytes, at least 1
   */
  public void setHole(long offset, long length) {
    set(Type.HOLE, offset, length, 0, null);
  }

  /**
   * Sets a range for which space is reserved on the device.
   *
   * @param offset first byte in the file
   * @param length bytes, at least 1
   */
  public void setDelalloc(long offset, long length) {
    set(Type.DELALLOC, offset, length, 0, null);
  }

  /**
   * Sets a range on a device.
   *
   * @param unwritten whether the range reads as zeroes
   * @param offset first byte in the file
   * @param length bytes, at least 1
   * @param addr first byte on the device
   * @param bdev the device
   */
  public void setMapped(boolean unwritten, long offset, long length, long addr, BlockDevice bdev) {
    set(unwritten ? Type.UNWRITTEN : Type.MAPPED, offset, length, addr, bdev);
  }

  /**
   * Sets a range that the filesystem holds in memory.
   *
   * @param offset first byte in the file
   * @param length bytes, at least 1
   * @param addr kernel address of the data, valid until the caller releases the inode's lock; for
   *     IOMAP_REPORT the first byte on the device instead
   */
  public void setInline(long offset, long length, long addr) {
    set(Type.INLINE, offset, length, addr, null);
  }

  private void set(
      Type newType, long newOffset, long newLength, long newAddr, @Nullable BlockDevice newBdev) {
    type = newType;
    offset = newOffset;
    length = newLength;
    addr = newAddr;
    flags = 0;
    bdev = newBdev;
  }

  /**
   * Sets the marks of the range. Setting the next range clears them.
   *
   * @param newFlags IOMAP_F_*
   */
  public void setFlags(int newFlags) {
    flags = newFlags;
  }

  /** {@return the marks, IOMAP_F_*} */
  public int flags() {
    return flags;
  }

  /** {@return the type} */
  public Type type() {
    return type;
  }

  /** {@return the first byte in the file} */
  public long offset() {
    return offset;
  }

  /** {@return the length in bytes} */
  public long length() {
    return length;
  }

  /**
   * {@return the address of the first byte, 0 for a hole: on the device, or, inline and not for
   * IOMAP_REPORT, in kernel memory}
   */
  public long addr() {
    return addr;
  }

  /**
   * Checks that the extent covers a position, as the filesystem's iomapBegin has to return it.
   *
   * @throws IllegalStateException if it does not; a walk would not advance
   */
  void checkCovers(long pos) {
    if (pos < offset || pos - offset >= length) {
      throw new IllegalStateException(
          "iomapBegin returned an extent that does not cover byte " + pos + ": " + this);
    }
  }

  /** {@return the device of a mapped or unwritten extent} */
  public BlockDevice bdev() {
    BlockDevice device = bdev;
    assert device != null : "an extent without a device";
    return device;
  }

  /**
   * Describes the extent in one line, for a dump. From any context, also while it is filled; takes
   * no lock.
   */
  @Override
  public String toString() {
    BlockDevice device = bdev;
    Type now = type;
    return "iomap "
        + now
        + " of bytes "
        + offset
        + "+"
        + length
        + (now == Type.HOLE || now == Type.DELALLOC ? "" : " at " + addr)
        + (device == null ? "" : " of " + device.name())
        + ((flags & IOMAP_F_NEW) != 0 ? " NEW" : "")
        + ((flags & IOMAP_F_DIRTY) != 0 ? " DIRTY" : "")
        + ((flags & IOMAP_F_MERGED) != 0 ? " MERGED" : "")
        + ((flags & IOMAP_F_SHARED) != 0 ? " SHARED" : "");
  }
}
