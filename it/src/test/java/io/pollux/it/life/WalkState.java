// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.life;

import io.pollux.aio.ContextView;
import io.pollux.block.Plug;
import io.pollux.block.RequestQueue;
import io.pollux.core.mm.AddressSpace;
import io.pollux.core.sched.Task;
import io.pollux.core.trace.TraceEvent;
import io.pollux.core.vfs.File;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioIoEventRing;
import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.AioRing;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Iocb;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** What the kernel and the program's rings have at a step. */
final class WalkState {
  private static final Pattern TAG = Pattern.compile("request tag (\\d+) of \\S+ hctx (\\d+).*");
  private static final Pattern REFS = Pattern.compile(".* refs (\\d+)");
  private static final Pattern DATA = Pattern.compile("data 0x([0-9a-f]+)");
  private static final int OLD_CELLS = 4;

  private final AddressSpace mm;
  private final RequestQueue queue;
  private final int depth;
  private final File file;
  private final long pinnedBefore;
  private @Nullable Task task;
  private String glock = "";

  /**
   * Creates a view.
   *
   * @param mm the memory of the program
   * @param queue the queue of the disk
   * @param depth tags of each hardware queue
   * @param file the file of the walk; the caller has a reference, which is not shown
   */
  WalkState(AddressSpace mm, RequestQueue queue, int depth, File file) {
    this.mm = mm;
    this.queue = queue;
    this.depth = depth;
    this.file = file;
    pinnedBefore = mm.pinnedPages();
  }

  /** Remembers what only an event names. */
  void learn(TraceEvent event) {
    if (event.task() != null) {
      task = event.task();
    }
    if (event.point().cName().startsWith("gfs2_") && event.point().fields().contains("glnum")) {
      glock = event.subject().toString();
    }
  }

  /** Describes all. */
  Map<String, Object> take() {
    Map<String, Object> all = new LinkedHashMap<>();
    Map<String, Object> lists = new LinkedHashMap<>();
    List<Map<String, Object>> refs = new ArrayList<>();
    long requests = 0;
    for (ContextView ctx : ContextView.of(mm)) {
      requests += ctx.requests();
      if (ctx.entries() != 0) {
        all.put("sq", sq(ctx));
        all.put("cq", cq(ctx));
      } else {
        all.put("old", old(ctx));
      }
      if ((ctx.flags() & AioAbi.IOCTX_FLAG_IOPOLL) != 0) {
        lists.put("iopoll", ctx.iopollList().stream().map(WalkState::shorter).toList());
      }
    }
    Task current = task;
    lists.put(
        "plug",
        current != null && current.plug() instanceof Plug plug
            ? plug.describe().stream().map(WalkState::shorter).toList()
            : List.of());
    all.put("lists", lists);
    all.put("tags", tags());
    refs.add(ref("aio context", requests, requests == 0 ? "no request" : "requests"));
    int files = fileRefs();
    refs.add(
        ref(
            "file",
            files,
            files == 1
                ? "the descriptor"
                : "the descriptor, and " + (files - 1) + " for requests"));
    long pinned = mm.pinnedPages() - pinnedBefore;
    refs.add(
        ref(
            "pages pinned at setup",
            pinnedBefore,
            pinnedBefore == 0 ? "nothing" : "the context, until it is destroyed"));
    refs.add(
        ref(
            "pages pinned by requests",
            pinned,
            pinned == 0 ? "nothing" : "the bio, until it completes"));
    refs.add(ref("tags", queue.busyTags(), queue.busyTags() == 0 ? "nothing" : "requests"));
    int dio = file.inode().dioCount();
    refs.add(ref("direct I/O of the inode", dio, dio == 0 ? "nothing" : "the requests"));
    all.put("refs", refs);
    all.put("inodeLocked", file.inode().iRwsem.isLocked());
    if (!glock.isEmpty()) {
      all.put("glock", glock);
    }
    return all;
  }

  private static Map<String, Object> ref(String what, long count, String holder) {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("what", what);
    row.put("count", count);
    row.put("by", holder);
    return row;
  }

  private int fileRefs() {
    Matcher refs = REFS.matcher(file.toString());
    if (!refs.matches()) {
      throw new AssertionError(file);
    }
    return Integer.parseInt(refs.group(1)) - 1;
  }

  private static Map<String, Object> sq(ContextView ctx) {
    Map<String, Object> ring = new LinkedHashMap<>();
    ring.put("head", AioIocbRing.head(ctx.sqRing()));
    ring.put("tail", AioIocbRing.tail(ctx.sqRing()));
    ring.put("kernel", ctx.sqHead());
    ring.put("needWakeup", AioIocbRing.sqFlags(ctx.sqRing()) != 0);
    List<String> cells = new ArrayList<>();
    for (int i = 0; i < ctx.entries(); i++) {
      long iocb = AioIocbRing.iocb(ctx.sqRing(), i);
      cells.add(
          Iocb.aioFildes(iocb) == 0
              ? ""
              : (Iocb.aioLioOpcode(iocb) == AioAbi.IOCB_CMD_PWRITE ? "write " : "read ")
                  + Iocb.aioNbytes(iocb)
                  + " at "
                  + Iocb.aioOffset(iocb)
                  + ", data "
                  + Iocb.aioData(iocb));
    }
    ring.put("cells", cells);
    return ring;
  }

  private static Map<String, Object> cq(ContextView ctx) {
    Map<String, Object> ring = new LinkedHashMap<>();
    ring.put("head", AioIoEventRing.head(ctx.cqRing()));
    ring.put("tail", AioIoEventRing.tail(ctx.cqRing()));
    ring.put("kernel", ctx.cqTail());
    List<String> cells = new ArrayList<>();
    for (int i = 0; i < ctx.entries(); i++) {
      cells.add(event(AioIoEventRing.event(ctx.cqRing(), i), true));
    }
    ring.put("cells", cells);
    return ring;
  }

  /** The completion ring that io_setup maps. The size depends on the machine and is left out. */
  private static Map<String, Object> old(ContextView ctx) {
    Map<String, Object> ring = new LinkedHashMap<>();
    ring.put("head", AioRing.head(ctx.id()));
    ring.put("tail", AioRing.tail(ctx.id()));
    List<String> cells = new ArrayList<>();
    for (int i = 0; i < OLD_CELLS; i++) {
      cells.add(event(AioRing.event(ctx.id(), i), false));
    }
    ring.put("cells", cells);
    return ring;
  }

  private static String event(long at, boolean index) {
    return IoEvent.data(at) == 0
        ? ""
        : "res "
            + IoEvent.res(at)
            + ", data "
            + IoEvent.data(at)
            + (index ? ", obj " + IoEvent.obj(at) : "");
  }

  private List<Map<String, Object>> tags() {
    List<Map<String, Object>> queues = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      Map<String, Object> hctx = new LinkedHashMap<>();
      hctx.put("polled", i == 1);
      hctx.put("depth", depth);
      List<Integer> busy = new ArrayList<>();
      for (String line : queue.describe()) {
        Matcher tag = TAG.matcher(line);
        if (tag.matches() && Integer.parseInt(tag.group(2)) == i) {
          busy.add(Integer.valueOf(tag.group(1)));
        }
      }
      hctx.put("busy", busy);
      queues.add(hctx);
    }
    return queues;
  }

  /** A line of a dump without addresses, ages and names that say nothing here. */
  private static String shorter(String line) {
    String plain =
        line.replaceAll(" obj 0x[0-9a-f]+", "")
            .replaceAll(" of file \\d+ .*? refs \\d+", "")
            .replaceAll(" of held0 hctx \\d+( polled)?", "")
            .replaceAll(", \\d+ ms old", "");
    return DATA.matcher(plain).replaceFirst(hex -> "data " + Integer.parseInt(hex.group(1), 16));
  }
}
