// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.mm;

import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Iovec;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Iterates over unpinned user memory (ITER_IOVEC): one buffer, or an array of iovecs. {@link
 * #importSingleRange} or {@link #importIovec} fills it; it can be reused.
 */
public final class IovecIter extends IovIter {
  /** Maximum transfer of one call, as in Linux: the int range without its last page. */
  @LinuxSource(file = "include/linux/fs.h", name = "MAX_RW_COUNT")
  public static final long MAX_RW_COUNT = Integer.MAX_VALUE & -(long) HostMemory.PAGE_SIZE;

  private static final int FAST_SEGMENTS = 8; // UIO_FASTIOV

  private long[] base = new long[FAST_SEGMENTS];
  private long[] length = new long[FAST_SEGMENTS];
  private int segments;
  private int segment; // the current one
  private long offset; // in the current one
  private @Nullable AddressSpace mm;

  /** Creates an empty iterator. */
  public IovecIter() {}

  /**
   * Sets the iterator to one user buffer.
   *
   * @param mm address space of the buffer
   * @param intoMemory true for a read
   * @param address user address; any value
   * @param bytes length; limited to {@link #MAX_RW_COUNT}
   * @return 0, -EINVAL for a negative length, -EFAULT for an address outside user space
   */
  @LinuxSource(file = "lib/iov_iter.c", name = "import_single_range")
  public int importSingleRange(AddressSpace mm, boolean intoMemory, long address, long bytes) {
    if (bytes < 0) {
      return -Errno.EINVAL;
    }
    long usable = Math.min(bytes, MAX_RW_COUNT);
    if (!AddressSpace.isUserRange(address, usable)) {
      return -Errno.EFAULT;
    }
    this.mm = mm;
    base[0] = address;
    length[0] = usable;
    segments = 1;
    segment = 0;
    offset = 0;
    restart(intoMemory, usable);
    return 0;
  }

  /**
   * Sets the iterator to an array of iovecs, which is copied.
   *
   * @param mm address space of the buffers
   * @param intoMemory true for a read
   * @param iovecs user address of the array; any value
   * @param count its length
   * @return 0, -EINVAL for too many or negative lengths, -EFAULT
   */
  @LinuxSource(file = "lib/iov_iter.c", name = "import_iovec")
  public int importIovec(AddressSpace mm, boolean intoMemory, long iovecs, long count) {
    if (count < 0 || count > AioAbi.UIO_MAXIOV) {
      return -Errno.EINVAL;
    }
    int n = (int) count;
    if (!mm.accessOk(iovecs, n * Iovec.SIZE, false)) {
      return -Errno.EFAULT;
    }
    if (n > base.length) {
      base = Arrays.copyOf(base, AioAbi.UIO_MAXIOV);
      length = Arrays.copyOf(length, AioAbi.UIO_MAXIOV);
    }
    long total = 0;
    for (int i = 0; i < n; i++) {
      long address = Iovec.iovBase(iovecs + i * Iovec.SIZE);
      long bytes = Iovec.iovLen(iovecs + i * Iovec.SIZE);
      if (bytes < 0) {
        return -Errno.EINVAL;
      }
      if (!AddressSpace.isUserRange(address, bytes)) {
        return -Errno.EFAULT;
      }
      bytes = Math.min(bytes, MAX_RW_COUNT - total);
      base[i] = address;
      length[i] = bytes;
      total += bytes;
    }
    this.mm = mm;
    segments = n;
    segment = 0;
    offset = 0;
    restart(intoMemory, total);
    skipEmpty();
    return 0;
  }

  private void skipEmpty() {
    while (segment < segments && offset == length[segment]) {
      segment++;
      offset = 0;
    }
  }

  @Override
  protected void skip(long bytes) {
    long left = bytes;
    while (left > 0) {
      long step = Math.min(left, length[segment] - offset);
      offset += step;
      left -= step;
      skipEmpty();
    }
  }

  @Override
  public long alignment() {
    long bits = 0;
    long left = count();
    long at = offset;
    for (int i = segment; i < segments && left > 0; i++) {
      long bytes = Math.min(length[i] - at, left);
      if (bytes > 0) {
        bits |= (base[i] + at) | bytes;
      }
      left -= bytes;
      at = 0;
    }
    return bits;
  }

  /** Returns the user address at the position; any value. */
  public long address() {
    return base[segment] + offset;
  }

  /** Returns the bytes left in the current segment, at most {@link #count()}. */
  public long contiguous() {
    return segment == segments ? 0 : Math.min(length[segment] - offset, count());
  }

  /** Returns the address space of the memory. */
  public AddressSpace mm() {
    AddressSpace space = mm;
    if (space == null) {
      throw new IllegalStateException("an iterator that was not filled");
    }
    return space;
  }

  /** Returns how many bytes of the current segment may be accessed, up to a limit. */
  @LinuxSource(file = "include/linux/uaccess.h", name = "raw_copy_to_user")
  private long accessible(long bytes, boolean write) {
    long at = address();
    if (mm().accessOk(at, bytes, write)) {
      return bytes;
    }
    long done = 0;
    while (done < bytes) { // each step ends at the end of a mapping
      long step = mm().contiguous(at + done, bytes - done, write);
      if (step == 0) {
        break;
      }
      done += step;
    }
    return done;
  }

  @Override
  public long copyTo(long from, long bytes) {
    long done = 0;
    while (done < bytes) {
      long wanted = Math.min(bytes - done, contiguous());
      long step = accessible(wanted, true);
      if (step > 0) {
        RawMemory.copy(from + done, address(), step);
        advance(step);
      }
      done += step;
      if (step < wanted) {
        break;
      }
    }
    return done;
  }

  @Override
  public long copyFrom(long to, long bytes) {
    long done = 0;
    while (done < bytes) {
      long wanted = Math.min(bytes - done, contiguous());
      long step = accessible(wanted, false);
      if (step > 0) {
        RawMemory.copy(address(), to + done, step);
        advance(step);
      }
      done += step;
      if (step < wanted) {
        break;
      }
    }
    return done;
  }

  @Override
  public long zero(long bytes) {
    long done = 0;
    while (done < bytes) {
      long wanted = Math.min(bytes - done, contiguous());
      long step = accessible(wanted, true);
      if (step > 0) {
        RawMemory.zero(address(), step);
        advance(step);
      }
      done += step;
      if (step < wanted) {
        break;
      }
    }
    return done;
  }

  @Override
  public int writeIovecs(long at) {
    int entries = 0;
    long left = count();
    long start = offset;
    for (int i = segment; i < segments && left > 0; i++) {
      long bytes = Math.min(length[i] - start, left);
      if (bytes > 0) {
        Iovec.iovBase(at + entries * Iovec.SIZE, base[i] + start);
        Iovec.iovLen(at + entries * Iovec.SIZE, bytes);
        entries++;
      }
      left -= bytes;
      start = 0;
    }
    return entries;
  }
}
