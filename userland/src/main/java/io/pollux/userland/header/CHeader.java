// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.userland.header;

import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioIoEventRing;
import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.AioRing;
import io.pollux.uapi.AioSigset;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Nr;
import java.lang.foreign.StructLayout;

/**
 * The ABI of the series as one C header, generated from the layouts and constants of uapi. It compiles as C11 and C++11 at any warning
 * level, alone or together with {@code linux/aio_abi.h} or {@code libaio.h}.
 *
 * <p>Each of those headers has its own {@code struct iocb} and {@code struct io_event}, so the structures here have the prefix {@code
 * pollux_}. The additions of the series have their original names.
 */
public final class CHeader {
  private static final String TOP =
      """
      /* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
      /*
       * The asynchronous I/O of Linux with the polled-AIO series of December 2018: what a program and the
       * kernel share. Made by "pollux header"; not to be edited.
       *
       * It stands alone. Include <linux/aio_abi.h> or <libaio.h> before it, if at all: each has a struct iocb and
       * a struct io_event of its own, with the same bytes as struct pollux_iocb and struct pollux_io_event.
       */
      #ifndef POLLUX_AIO_H
      #define POLLUX_AIO_H

      #include <stddef.h>
      #include <stdint.h>

      #if !defined(__LP64__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
      #error "this is the ABI of little-endian machines with pointers of 64 bits"
      #endif

      #ifdef __cplusplus
      #define POLLUX_ASSERT(what, message) static_assert(what, message)
      #else
      #define POLLUX_ASSERT(what, message) _Static_assert(what, message)
      #endif

      """;

  private static final String CALLS =
      """
      /*
       * The system calls; each answers a non-negative result, or a negative errno (by syscall(2): -1 and errno).
       *
       *   io_setup(uint32_t nr_events, aio_context_t *ctxp)
       *   io_destroy(aio_context_t ctx)
       *   io_submit(aio_context_t ctx, long nr, struct pollux_iocb **iocbpp)
       *   io_cancel(aio_context_t ctx, struct pollux_iocb *iocb, struct pollux_io_event *result)
       *   io_getevents(aio_context_t ctx, long min_nr, long nr, struct pollux_io_event *events,
       *                struct timespec *timeout)
       *   io_pgetevents(..., const struct pollux_aio_sigset *sigset)
       *
       * and those that the series adds:
       *
       *   io_setup2(uint32_t nr_events, uint32_t flags, struct pollux_iocb *iocbs,
       *             struct aio_iocb_ring *sq_ring, struct aio_io_event_ring *cq_ring, aio_context_t *ctxp)
       *   io_ring_enter(aio_context_t ctx, uint32_t to_submit, uint32_t min_complete, uint32_t flags)
       *
       * Linux has given their numbers to other calls since, of which one kills who calls it without reason.
       */
      """;

  private static final String RINGS =
      """
      /*
       * The rings that a program shares with the kernel. Each is aligned to a page, and as long as its header and
       * nr_events entries.
       *
       * An index lives in [0, nr_events) and wraps to 0 when it reaches nr_events, which need not be a power of
       * two. Empty is head == tail; full is next(tail) == head, so nr_events - 1 entries fit. Who produces
       * stores the entry, then the tail with release order. Who consumes loads the tail with acquire order, reads
       * the entry, then stores the head with release order.
       *
       * SQ ring: the program writes tail (and sq_thread_cpu, before setup), the kernel head, nr_events at
       * setup, and sq_flags.
       */
      """;

  private CHeader() {}

  /** Returns the text of the header, in lines. */
  public static String text() {
    StringBuilder text = new StringBuilder(TOP);
    text.append("/* What io_setup gives back: the address of the old completion ring. */\n");
    text.append("typedef unsigned long aio_context_t;\n\n");
    text.append(CALLS).append(CConstants.calls(Nr.class, "IO_").macros());

    section(text, "aio_lio_opcode. NOOP has a number and nothing else: EINVAL.");
    text.append(CConstants.of(AioAbi.class, "IOCB_CMD_", CConstants.DECIMAL).enumerationUnless("__LINUX__AIO_ABI_H"));
    section(text, "aio_flags: aio_resfd counts; aio_reqprio counts; complete by polling.");
    flags(text, "IOCB_FLAG_");
    section(text, "aio_rw_flags.");
    text.append(CConstants.of(AioAbi.class, "RWF_", CConstants.HEXADECIMAL).macros());
    section(text, "flags of io_setup2. SQPOLL is pollux's own: the thread of SQTHREAD spins on the SQ ring.");
    flags(text, "IOCTX_FLAG_");
    section(text, "flags of io_ring_enter.");
    flags(text, "IORING_FLAG_");
    section(text, "sq_flags, pollux's own: the thread of SQPOLL sleeps until io_ring_enter is called.");
    flags(text, "IORING_SQ_");
    section(text, "The largest fixed buffer in bytes.");
    text.append(CConstants.of(AioAbi.class, "AIO_FIXED_BUF_", CConstants.DECIMAL).macros());

    section(text, "One request. aio_reserved2 must be 0.");
    text.append(new CStruct(Iocb.LAYOUT, "pollux_iocb", "aio_reqprio", "aio_offset").text());
    section(
        text,
        "One completion. obj is the iocb's address, or its index on a USERIOCB or SCQRING context; res is the",
        "bytes moved, or a negative errno.");
    text.append(new CStruct(IoEvent.LAYOUT, "pollux_io_event", "res", "res2").text());
    section(text, "The signal mask of io_pgetevents: a pointer, and 8.");
    text.append(new CStruct(AioSigset.LAYOUT, "pollux_aio_sigset").text());

    text.append('\n').append(RINGS);
    ring(text, AioIocbRing.LAYOUT, "aio_iocb_ring", "struct pollux_iocb iocbs[]");
    section(text, "CQ ring: the program writes head, the kernel tail, and nr_events at setup.");
    ring(text, AioIoEventRing.LAYOUT, "aio_io_event_ring", "struct pollux_io_event events[]");

    section(
        text,
        "The old completion ring, which io_setup maps into the process. A program may read events out of it when",
        "magic and incompat_features are these. Its indexes live in [0, nr) and follow the same rule; the",
        "kernel writes the tail.");
    text.append(CConstants.of(AioAbi.class, "AIO_RING_", CConstants.HEXADECIMAL).macros());
    ring(text, AioRing.LAYOUT, "aio_ring", "struct pollux_io_event events[]");
    return text.append("\n#endif /* POLLUX_AIO_H */\n").toString();
  }

  private static void section(StringBuilder text, String... comment) {
    String all = String.join("\n * ", comment);
    text.append(comment.length == 1 ? "\n/* " + all + " */\n" : "\n/*\n * " + all + "\n */\n");
  }

  private static void flags(StringBuilder text, String prefix) {
    text.append(CConstants.of(AioAbi.class, prefix, CConstants.BIT).macros());
  }

  private static void ring(StringBuilder text, StructLayout header, String name, String entries) {
    text.append(CStruct.followedBy(header, name, entries).text());
  }
}
