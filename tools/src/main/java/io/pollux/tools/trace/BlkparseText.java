// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.trace;

import io.pollux.block.BlkTypes;
import io.pollux.core.trace.TracePoint;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.LinuxSource;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Events as text, a line for each, in the manner of blkparse: device, thread, sequence, seconds,
 * number of the thread, action, RWBS, and what the action needs. The last word is the request's
 * identity. Actions of the block layer have blkparse's capital letters, others have small ones.
 */
final class BlkparseText {
  private static final double NANOS = 1e9;

  private final Map<Long, Integer> threads = new HashMap<>(); // in the order of their first events
  private final long began;

  private BlkparseText(long began) {
    this.began = began;
  }

  /** Writes the events in the order of their times. */
  static void write(List<Recorded> events, OutputStream out) throws IOException {
    if (events.isEmpty()) {
      return;
    }
    List<Recorded> sorted = Timeline.sorted(events);
    BlkparseText text = new BlkparseText(sorted.getFirst().nanos());
    for (Recorded event : sorted) {
      out.write((text.line(event) + "\n").getBytes(StandardCharsets.UTF_8));
    }
  }

  private String line(Recorded event) {
    int cpu = threads.computeIfAbsent(event.threadId(), id -> threads.size());
    return String.format(
        Locale.ROOT,
        "%7s %2d %8d %14.9f %5d %2s %4s %s[%s]%s",
        event.has("dev") ? device(event.number("dev")) : "-",
        cpu,
        event.sequence(),
        (event.nanos() - began) / NANOS,
        event.threadId(),
        action(event.point()),
        rwbs(event),
        detail(event),
        event.thread(),
        event.id() == 0 ? "" : " #" + event.id());
  }

  /** Major and minor number, as stat encodes them. */
  @LinuxSource(file = "include/linux/kdev_t.h", name = "new_decode_dev")
  static String device(long dev) {
    return ((dev >> 8) & 0xfff) + "," + ((dev & 0xff) | ((dev >> 12) & 0xfff00));
  }

  /** The letter of a point. */
  static String action(TracePoint point) {
    return switch (point) {
      case BLOCK_BIO_QUEUE -> "Q";
      case BLOCK_SPLIT -> "X";
      case BLOCK_GETRQ -> "G";
      case BLOCK_BIO_BACKMERGE -> "M";
      case BLOCK_PLUG -> "P";
      case BLOCK_UNPLUG -> "U";
      case BLOCK_RQ_INSERT -> "I";
      case BLOCK_RQ_ISSUE -> "D";
      case BLOCK_RQ_REQUEUE -> "R";
      case BLOCK_RQ_COMPLETE -> "C";
      case BLOCK_BIO_COMPLETE -> "e";
      case AIO_SUBMIT -> "s";
      case AIO_SUBMIT_FAILED -> "f";
      case AIO_POLL -> "p";
      case AIO_COMPLETE -> "c";
      case AIO_REAP -> "r";
      case IOMAP_DIO_RW_BEGIN, BLKDEV_DIO_BEGIN -> "b";
      case IOMAP_DIO_COMPLETE, BLKDEV_DIO_COMPLETE -> "d";
      case XFS_IOMAP_FOUND, GFS2_IOMAP_END -> "m";
      case GFS2_IOMAP_START -> "i";
      case GFS2_BMAP -> "w";
      case GFS2_GLOCK_STATE_CHANGE -> "l";
      case GFS2_PROMOTE -> "h";
      case GFS2_DEMOTE_RQ -> "q";
    };
  }

  /** Direction and flags of a bio, a kiocb or an iocb. */
  private static String rwbs(Recorded event) {
    if (event.has("rwbs")) {
      return rwbs((int) event.number("rwbs"));
    }
    if (event.has("ki_flags")) {
      int flags = (int) event.number("ki_flags");
      return ((flags & Kiocb.IOCB_WRITE) != 0 ? "W" : "R")
          + ((flags & (Kiocb.IOCB_DSYNC | Kiocb.IOCB_SYNC)) != 0 ? "S" : "");
    }
    if (event.point() == TracePoint.AIO_SUBMIT) {
      return switch ((int) event.number("opcode")) {
        case AioAbi.IOCB_CMD_PREAD, AioAbi.IOCB_CMD_PREADV -> "R";
        case AioAbi.IOCB_CMD_PWRITE, AioAbi.IOCB_CMD_PWRITEV -> "W";
        default -> "N";
      };
    }
    return "";
  }

  @LinuxSource(file = "kernel/trace/blktrace.c", name = "blk_fill_rwbs")
  static String rwbs(int opf) {
    StringBuilder letters = new StringBuilder();
    if ((opf & BlkTypes.REQ_PREFLUSH) != 0) {
      letters.append('F');
    }
    letters.append(
        switch (opf & BlkTypes.REQ_OP_MASK) {
          case BlkTypes.REQ_OP_READ -> 'R';
          case BlkTypes.REQ_OP_WRITE -> 'W';
          case BlkTypes.REQ_OP_FLUSH -> 'F';
          case BlkTypes.REQ_OP_DISCARD -> 'D';
          default -> 'N';
        });
    if ((opf & BlkTypes.REQ_FUA) != 0) {
      letters.append('F');
    }
    if ((opf & BlkTypes.REQ_META) != 0) {
      letters.append('M');
    }
    return letters.toString();
  }

  private static String detail(Recorded event) {
    return switch (event.point()) {
      case BLOCK_PLUG -> "";
      case BLOCK_UNPLUG -> event.number("nr_rq") + " ";
      case BLOCK_SPLIT -> event.number("sector") + " / " + event.number("new_sector") + " ";
      case BLOCK_BIO_QUEUE -> sectors(event);
      case BLOCK_GETRQ, BLOCK_BIO_BACKMERGE, BLOCK_RQ_INSERT, BLOCK_RQ_ISSUE, BLOCK_RQ_REQUEUE ->
          sectors(event) + tag(event);
      case BLOCK_RQ_COMPLETE -> sectors(event) + tag(event) + error(event);
      case BLOCK_BIO_COMPLETE -> sectors(event) + error(event);
      default -> named(event);
    };
  }

  private static String sectors(Recorded event) {
    return event.number("sector") + " + " + event.number("nr_sector") + " ";
  }

  private static String tag(Recorded event) {
    return "hctx " + event.number("hctx") + " tag " + event.number("tag") + " ";
  }

  private static String error(Recorded event) {
    return "[" + event.number("error") + "] ";
  }

  /** The fields that no column has. */
  private static String named(Recorded event) {
    StringBuilder text = new StringBuilder();
    for (String field : event.point().fields()) {
      if (!field.equals("dev")) {
        String value =
            field.equals("ctx")
                ? "0x" + Long.toHexString(event.number(field))
                : Long.toString(event.number(field));
        text.append(field).append(' ').append(value).append(' ');
      }
    }
    return text.toString();
  }
}
