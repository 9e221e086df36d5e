// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.trace;

import io.pollux.aio.ContextView;
import io.pollux.block.Bio;
import io.pollux.block.HwCtx;
import io.pollux.block.Plug;
import io.pollux.block.Request;
import io.pollux.block.RequestQueue;
import io.pollux.core.mm.AddressSpace;
import io.pollux.core.sched.Task;
import io.pollux.core.trace.TraceEvent;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.AioIoEventRing;
import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Iocb;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What the kernel has at a point: the rings' memory, lists, tags and references. It looks at the
 * objects that the events so far have named, so it must see them all.
 */
final class Snapshot {
  /** Entries of a ring that are shown before and after each index. */
  private static final int AROUND = 1;

  private @Nullable Task task;
  private @Nullable Kiocb iocb;
  private long iocbId;
  private @Nullable RequestQueue queue;

  /** Describes the kernel inside an event. */
  List<String> take(TraceEvent event) {
    learn(event);
    List<String> lines = new ArrayList<>();
    Task current = task;
    if (current != null) {
      rings(current.mm(), lines);
      plug(current, lines);
    }
    tags(lines);
    references(event, lines);
    return lines;
  }

  private void learn(TraceEvent event) {
    if (event.task() != null) {
      task = event.task();
    }
    switch (event.subject()) {
      case Kiocb subject -> {
        iocb = subject;
        iocbId = event.id();
      }
      case Bio bio -> queue = bio.bdev().queue();
      case Request request -> queue = request.hctx().queue();
      default -> {
        // nothing that is shown
      }
    }
  }

  private static void rings(AddressSpace mm, List<String> lines) {
    for (ContextView ctx : ContextView.of(mm)) {
      if (ctx.entries() != 0) {
        lines.add(
            String.format(
                Locale.ROOT,
                "SQ ring   head %d, tail %d of %d; the kernel's head %d",
                AioIocbRing.head(ctx.sqRing()),
                AioIocbRing.tail(ctx.sqRing()),
                ctx.entries(),
                ctx.sqHead()));
        around(ctx, AioIocbRing.head(ctx.sqRing()))
            .forEach(index -> lines.add("  " + sqEntry(ctx, index)));
        lines.add(
            String.format(
                Locale.ROOT,
                "CQ ring   head %d, tail %d of %d; the kernel's tail %d",
                AioIoEventRing.head(ctx.cqRing()),
                AioIoEventRing.tail(ctx.cqRing()),
                ctx.entries(),
                ctx.cqTail()));
        around(ctx, AioIoEventRing.head(ctx.cqRing()))
            .forEach(index -> lines.add("  " + cqEntry(ctx, index)));
      }
      lines.add("requests  " + ctx.requests() + " counted by the context");
      lines.add("iopoll    " + count(ctx.iopollList()));
      ctx.iopollList().forEach(line -> lines.add("  " + line));
    }
  }

  private static List<Integer> around(ContextView ctx, int index) {
    List<Integer> indices = new ArrayList<>();
    for (int i = index - AROUND; i <= index + AROUND; i++) {
      indices.add(Math.floorMod(i, ctx.entries()));
    }
    return indices.stream().distinct().toList();
  }

  private static String sqEntry(ContextView ctx, int index) {
    long entry = AioIocbRing.iocb(ctx.sqRing(), index);
    return String.format(
        Locale.ROOT,
        "[%d] opcode %d fd %d offset %d nbytes %d data 0x%x%s",
        index,
        Iocb.aioLioOpcode(entry),
        Iocb.aioFildes(entry),
        Iocb.aioOffset(entry),
        Iocb.aioNbytes(entry),
        Iocb.aioData(entry),
        marks(index, AioIocbRing.head(ctx.sqRing()), AioIocbRing.tail(ctx.sqRing()), ctx.sqHead()));
  }

  private static String cqEntry(ContextView ctx, int index) {
    long event = AioIoEventRing.event(ctx.cqRing(), index);
    return String.format(
        Locale.ROOT,
        "[%d] obj %d res %d data 0x%x%s",
        index,
        IoEvent.obj(event),
        IoEvent.res(event),
        IoEvent.data(event),
        marks(
            index,
            AioIoEventRing.head(ctx.cqRing()),
            AioIoEventRing.tail(ctx.cqRing()),
            ctx.cqTail()));
  }

  private static String marks(int index, int head, int tail, int kernel) {
    return (index == head ? "  <- head" : "")
        + (index == tail ? "  <- tail" : "")
        + (index == kernel ? "  <- kernel" : "");
  }

  private static String count(List<String> lines) {
    return lines.isEmpty() ? "empty" : lines.size() + " in the list";
  }

  private static void plug(Task task, List<String> lines) {
    if (!(task.plug() instanceof Plug plug)) {
      lines.add("plug      none");
      return;
    }
    List<String> held = plug.describe();
    lines.add("plug      " + count(held));
    held.forEach(line -> lines.add("  " + line));
  }

  private void tags(List<String> lines) {
    RequestQueue known = queue;
    if (known == null) {
      return;
    }
    lines.add("tags      " + known.busyTags() + " in use");
    known.describe().forEach(line -> lines.add("  " + line));
  }

  private void references(TraceEvent event, List<String> lines) {
    Kiocb known = iocb;
    File file = known == null || iocbId != event.id() ? null : known.kiFilp;
    if (known != null && file != null) {
      lines.add("kiocb     " + known);
      lines.add("file      " + file);
    }
    Task current = task;
    if (current != null) {
      lines.add("pages     " + current.mm().pinnedPages() + " pinned");
    }
    if (event.subject() instanceof Bio bio) {
      lines.add("bio       " + bio);
    } else if (event.subject() instanceof HwCtx hctx) {
      lines.add("queue     " + hctx);
    }
  }
}
