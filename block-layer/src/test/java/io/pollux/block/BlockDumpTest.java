// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.uapi.Errno;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The lines of a dump that describe requests in flight. */
@Timeout(60)
class BlockDumpTest extends RigTest {
  private static final int READ = BlkTypes.REQ_OP_READ;
  private final Plug plug = new Plug();

  @Test
  void aQueueListsItsBusyRequestsWithAge() {
    SeenRequests seen = see();
    assertThat(queue().describe()).isEmpty();
    submit("a", READ, 8, 4);
    advance(12_345_678);
    submit("b", BlkTypes.REQ_OP_WRITE | BlkTypes.REQ_HIPRI | BlkTypes.REQ_META, 0, 2);
    HwCtx interrupting = seen.seen(0).hctx();
    HwCtx polled = seen.seen(1).hctx();
    String read = "request tag 0 of held0 hctx 0: read 4 sectors at 8, 12 ms old";
    String write =
        "request tag 0 of held0 hctx 1 polled: write 2 sectors at 0 META HIPRI, 0 ms old";
    assertThat(interrupting.describe()).containsExactly(read);
    assertThat(polled.describe()).containsExactly(write);
    assertThat(queue().describe())
        .containsExactly(interrupting.toString(), read, polled.toString(), write);
    assertThat(polled.toString()).matches("hctx 1 of held0 polled, 1 of \\d+ tags in use");
    disk.releaseAll();
    assertThat(interrupting.describe()).isEmpty();
    assertThat(queue().blkPoll(1 << 16, false)).isEqualTo(1);
    assertThat(queue().describe()).isEmpty();
  }

  @Test
  void aRequestInAPlugIsNotWithTheDriver() {
    SeenRequests seen = see();
    plug.start(task);
    submit("a", READ, 0, 8);
    submit("b", READ, 8, 8);
    assertThat(queue().describe())
        .contains(
            "request tag 0 of held0 hctx 0: read 16 sectors at 0, 2 bios, not with the driver,"
                + " 0 ms old");
    plug.finish(task);
    Request request = seen.seen(0);
    disk.releaseAll();
    assertThat(request).hasToString("request tag 0 of held0 hctx 0: without a bio");
  }

  @Test
  void aBioHasOperationRangeFlagsAndStatus() {
    SeenRequests seen = see();
    submit("a", READ | BlkTypes.REQ_NOWAIT, 8, 4);
    Bio bio = seen.seen(0).bio();
    assertThat(bio).hasToString("bio read 4 sectors at 8 NOWAIT of held0");
    disk.fail(0, Errno.EIO);
    assertThat(Bio.embedded()).hasToString("bio without a device");
    assertThat(Bio.ofFlush()).hasToString("bio without a device");
  }

  @Test
  void anOperationHasItsNameAndEachFlag() {
    assertThat(BlkTypes.opName(READ)).isEqualTo("read");
    assertThat(BlkTypes.opName(BlkTypes.REQ_OP_WRITE | BlkTypes.REQ_FUA)).isEqualTo("write");
    assertThat(BlkTypes.opName(BlkTypes.REQ_OP_FLUSH)).isEqualTo("flush");
    assertThat(BlkTypes.opName(BlkTypes.REQ_OP_DISCARD)).isEqualTo("discard");
    assertThat(BlkTypes.opName(BlkTypes.REQ_OP_WRITE_ZEROES)).isEqualTo("write zeroes");
    assertThat(BlkTypes.opName(77 | BlkTypes.REQ_META)).isEqualTo("operation 77");
    assertThat(BlkTypes.flagNames(-1)).isEqualTo(" META FUA PREFLUSH NOWAIT NOUNMAP HIPRI");
    assertThat(BlkTypes.flagNames(BlkTypes.REQ_OP_MASK)).isEmpty();
  }

  @Test
  void aBioThatFailedHasItsStatus() {
    String[] seen = new String[2];
    for (int i = 0; i < 2; i++) {
      int result = -i * Errno.EIO;
      int at = i;
      Bio bio = Bio.alloc(task, rig.device(), 8, READ, done -> seen[at] = done.toString(), null);
      bio.endio(result);
      bio.put();
    }
    assertThat(seen).containsExactly("bio read of held0", "bio read status -5 of held0");
  }

  @Test
  void theAgeOfARequestIsInMilliseconds() {
    advance(5_000_000);
    submit("a", READ, 8, 4);
    advance(2_500_000);
    assertThat(queue().describe()).last().asString().endsWith("read 4 sectors at 8, 2 ms old");
    disk.releaseAll();
    assertThat(queue().describe()).isEmpty();
  }
}
