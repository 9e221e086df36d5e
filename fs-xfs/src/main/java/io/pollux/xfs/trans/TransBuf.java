// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.trans;

import io.pollux.block.buffer.Buf;
import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.block.buffer.BufOps;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.log.XfsCil;
import org.jspecify.annotations.Nullable;

/**
 * A buffer of a transaction. Valid until the transaction ends. A change needs no call besides
 * {@link #edit}: what changed is the difference to the contents of the buffer.
 */
@LinuxSource(file = "fs/xfs/xfs_buf_item.h", name = "xfs_buf_log_item")
public final class TransBuf {
  private final Buf buf; // with a reference
  private final long @Nullable [] pieces; // of a newly allocated block
  private @Nullable BufEdit edit;
  private boolean stale;
  private boolean created;

  TransBuf(Buf buf, long @Nullable [] pieces) {
    this.buf = buf;
    this.pieces = pieces;
  }

  /** {@return the first byte on the device} */
  public long position() {
    return buf.position();
  }

  /** {@return the length in bytes} */
  public int length() {
    return buf.length();
  }

  /**
   * Returns the contents with the changes of the transaction so far. They change with later edits.
   *
   * @return the contents
   */
  public BufData data() {
    assert !stale : "contents of a freed block";
    BufEdit open = edit;
    return open != null ? open : buf.data();
  }

  /**
   * Returns the transaction's copy for changes.
   *
   * @return the same copy for the whole transaction
   */
  @LinuxSource(file = "fs/xfs/xfs_trans_buf.c", name = "xfs_trans_log_buf")
  public BufEdit edit() {
    assert !stale : "a change of a freed block";
    BufEdit open = edit;
    if (open == null) {
      open = buf.draft();
      edit = open;
    }
    return open;
  }

  /** {@return whether the transaction has changed it; checksums in it may be old then} */
  public boolean changed() {
    return edit != null;
  }

  /** Starts with zeroes, also if it had contents or was freed in this transaction. */
  void create(BufOps type, String what) {
    stale = false;
    created = true;
    edit = buf.draftZeroes(type, what);
  }

  void invalidate() {
    stale = true;
    edit = null;
  }

  boolean isStale() {
    return stale;
  }

  /** Bytes that the change takes in the log, at most. */
  long logBytes(int inodeSize) throws ErrnoException {
    BufEdit open = edit;
    return open == null && !stale
        ? 0
        : XfsCil.logBytes(
            buf.length(), created || open == null ? null : buf.data(), open, inodeSize);
  }

  /** Whether the commit gives new contents to a block that had none, or others. */
  boolean isCreated() {
    return created && !stale;
  }

  /** Publishes the changes, and adds them to the log. */
  void commit(Task current, XfsCil cil) throws ErrnoException {
    BufEdit open = edit;
    if (open == null && !stale) {
      return;
    }
    buf.lock(current);
    try {
      if (open == null) {
        cil.cancel(buf);
        buf.stale();
      } else if (created) {
        buf.publish(open, pieces); // also if a block in other pieces began there before
        cil.add(buf, null);
      } else {
        BufData before = buf.data();
        buf.publish(open);
        cil.add(buf, before);
      }
    } finally {
      buf.unlock();
    }
  }

  void release() {
    buf.release();
  }
}
