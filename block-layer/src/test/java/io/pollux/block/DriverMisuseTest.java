// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A driver that completes a request wrongly gets an exception that names the request. */
@Timeout(60)
class DriverMisuseTest extends RigTest {
  @Test
  void aPositiveResultIsRefused() {
    SeenRequests seen = see();
    submit("a", BlkTypes.REQ_OP_READ, 0, 8);
    Request request = seen.seen(0);
    assertThatThrownBy(() -> request.complete(5))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "request tag 0 of held0 hctx 0 has the result 5; a result is 0 or a negative errno");
    assertThatThrownBy(() -> request.setStatus(1)).isInstanceOf(IllegalArgumentException.class);
    assertThat(rig.ended()).isEmpty();
    disk.release(0);
    assertThat(rig.ended()).containsExactly("a 0");
  }

  @Test
  void aSecondCompletionIsRefused() {
    SeenRequests seen = see();
    submit("a", BlkTypes.REQ_OP_READ, 0, 8);
    Request request = seen.seen(0);
    disk.release(0);
    assertThatThrownBy(() -> request.complete(0))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(
            "request tag 0 of held0 hctx 0 is not in flight: its driver completed it twice, or too"
                + " late");
    assertThat(rig.ended()).containsExactly("a 0");
  }
}
