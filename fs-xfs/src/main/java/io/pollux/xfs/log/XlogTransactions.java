// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Assembles transactions from the operations of records. Those of several transactions may be
 * mixed.
 */
@LinuxSource(
    file = "fs/xfs/xfs_log_recover.c",
    name = {"xlog_recover_process_data", "xlog_recover_process_ophdr"})
final class XlogTransactions implements XlogReader.Visitor {
  /** No region is longer: a buffer has at most 64 KiB, an extended attribute, too. */
  static final int MAX_REGION_BYTES = 128 << 10;

  /** The most that incomplete transactions may have, as an estimate of their memory. */
  private static final long MAX_OPEN_BYTES = 256L << 20;

  private static final int OPERATION_COST = 64;

  /** Receives the committed transactions in order. */
  @FunctionalInterface
  interface Commits {
    /**
     * Called for each.
     *
     * @param lsn the position of the record where it begins
     * @param items its items in order
     */
    void commit(long lsn, List<XlogItem> items) throws ErrnoException;
  }

  private final Map<Integer, XlogTransaction> open = new HashMap<>();
  private final Commits commits;
  private long openBytes;

  XlogTransactions(Commits commits) {
    this.commits = commits;
  }

  @Override
  public void visit(XlogRecord record, BufData body) throws ErrnoException {
    int at = 0;
    for (int left = record.operations(); left > 0 && at < body.size(); left--) {
      int length = body.i32(at + XlogFormat.OH_LEN);
      int client = body.u8(at + XlogFormat.OH_CLIENTID);
      if (client != XlogFormat.XFS_TRANSACTION && client != XlogFormat.XFS_LOG) {
        throw XlogDevice.corrupt("an operation of an unknown writer (" + client + ")");
      }
      byte[] region = body.copy(at + XlogFormat.OP_HEADER_BYTES, length); // checks the length
      int flags = body.u8(at + XlogFormat.OH_FLAGS);
      operation(record.lsn(), body.i32(at + XlogFormat.OH_TID), flags, region);
      at += XlogFormat.OP_HEADER_BYTES + length;
    }
  }

  private void operation(long lsn, int tid, int opFlags, byte[] region) throws ErrnoException {
    XlogTransaction transaction = open.get(tid);
    if (transaction == null) {
      if ((opFlags & XlogFormat.XLOG_START_TRANS) != 0) {
        open.put(tid, new XlogTransaction(lsn));
        charge(OPERATION_COST);
      }
      return; // the end of a transaction that began before the tail
    }
    int flags = opFlags & ~XlogFormat.XLOG_END_TRANS;
    if ((flags & XlogFormat.XLOG_WAS_CONT_TRANS) != 0) {
      flags &= ~XlogFormat.XLOG_CONTINUE_TRANS;
    }
    switch (flags) {
      case 0, XlogFormat.XLOG_CONTINUE_TRANS -> {
        charge(OPERATION_COST + region.length);
        transaction.add(region);
      }
      case XlogFormat.XLOG_WAS_CONT_TRANS -> {
        charge(OPERATION_COST + region.length);
        transaction.addMore(region);
      }
      case XlogFormat.XLOG_COMMIT_TRANS -> {
        end(tid);
        commits.commit(transaction.lsn(), transaction.items());
      }
      case XlogFormat.XLOG_UNMOUNT_TRANS -> end(tid);
      default ->
          throw XlogDevice.corrupt(
              "an operation with unknown flags (0x" + Integer.toHexString(opFlags) + ")");
    }
  }

  private void charge(long cost) throws ErrnoException {
    openBytes += cost;
    if (openBytes > MAX_OPEN_BYTES) {
      throw new ErrnoException(
          Errno.ENOMEM, "the log has a transaction that is too large to be recovered");
    }
  }

  private void end(int tid) {
    open.remove(tid);
    if (open.isEmpty()) {
      openBytes = 0; // an estimate: it counts ended ones while others are open
    }
  }
}
