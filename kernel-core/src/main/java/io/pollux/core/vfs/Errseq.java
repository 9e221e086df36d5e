// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.uapi.LinuxSource;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * The last error of a file's write-back, with a count, so that every open file reports it once: the
 * counterpart of errseq_t.
 *
 * <p>An open file keeps a sample: the value when the file was opened or last reported an error. A
 * different value means an error since then. The count increases only for the first error after a
 * reported one. All methods may be called from any context.
 */
@LinuxSource(file = "lib/errseq.c", name = "errseq_t")
public final class Errseq {
  /** The sample of a file without pages or without any error so far. */
  public static final int NONE = 0;

  private static final int ERRNO_MASK = 0xfff; // MAX_ERRNO
  private static final int SEEN = 1 << 12;
  private static final int CTR_INC = 1 << 13;
  private static final VarHandle VALUE;

  static {
    try {
      VALUE = MethodHandles.lookup().findVarHandle(Errseq.class, "value", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private volatile int value; // positive errno, reported flag, count; written through VALUE

  /** Creates a value without an error. */
  public Errseq() {}

  /**
   * Records an error.
   *
   * @param error a negative errno
   */
  @LinuxSource(file = "lib/errseq.c", name = "errseq_set")
  public void set(int error) {
    assert error < 0 && error >= -ERRNO_MASK : error;
    int before;
    int after;
    do { // bounded: one turn for each concurrent change
      before = value;
      after = (before & ~(ERRNO_MASK | SEEN)) | -error;
      if ((before & SEEN) != 0) {
        after += CTR_INC; // wraps around after half a million reported errors
      }
    } while (!VALUE.compareAndSet(this, before, after));
  }

  /**
   * The sample for a newly opened file. The file will report an error that no file has reported.
   *
   * @return for {@link #check} and {@link #advance}
   */
  @LinuxSource(file = "lib/errseq.c", name = "errseq_sample")
  public int sample() {
    int now = value;
    return (now & SEEN) == 0 ? NONE : now;
  }

  /**
   * Whether there was an error since a sample.
   *
   * @param since a sample
   * @return 0 or the last error, a negative errno
   */
  @LinuxSource(file = "lib/errseq.c", name = "errseq_check")
  public int check(int since) {
    int now = value;
    return now == since ? 0 : -(now & ERRNO_MASK);
  }

  /**
   * Marks the last error as reported, if there was one since a sample.
   *
   * @param since a sample
   * @return the new sample, of which {@link #errorOf} is the error to report; since itself if there
   *     was none
   */
  @LinuxSource(file = "lib/errseq.c", name = "errseq_check_and_advance")
  public int advance(int since) {
    int now = value;
    if (now == since) {
      return since;
    }
    int seen = now | SEEN;
    if (now != seen) {
      VALUE.compareAndSet(this, now, seen); // on failure there is a newer error, for the next call
    }
    return seen;
  }

  /**
   * The error of a sample.
   *
   * @param sample what {@link #advance} returned
   * @return a negative errno
   */
  public static int errorOf(int sample) {
    return -(sample & ERRNO_MASK);
  }
}
