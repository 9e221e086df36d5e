// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A list of requests that wait for a poll keeps them in order of arrival. */
@Timeout(60)
class RequestListTest extends RigTest {
  private final RequestList list = new RequestList();

  /** Adds a chain of requests with consecutive tags. */
  private void add(int first, int count) {
    HwCtx hctx = new HwCtx(queue(), 0, true, first + count);
    for (int tag = first; tag < first + count - 1; tag++) {
      hctx.request(tag).setNext(hctx.request(tag + 1));
    }
    list.add(hctx.request(first));
  }

  private List<Integer> takeAll() {
    List<Integer> tags = new ArrayList<>();
    for (@Nullable Request each = list.takeAll(); each != null; each = each.next()) {
      assertThat(each.earlier).isNull();
      tags.add(each.tag());
    }
    return tags;
  }

  @Test
  void anEmptyListGivesNothing() {
    assertThat(list.isEmpty()).isTrue();
    assertThat(list.takeAll()).isNull();
  }

  @Test
  void chainsComeOutInOrderOfArrival() {
    add(0, 3);
    assertThat(list.isEmpty()).isFalse();
    add(3, 1);
    add(4, 2);
    assertThat(takeAll()).containsExactly(0, 1, 2, 3, 4, 5);
    assertThat(list.isEmpty()).isTrue();
    add(6, 2);
    assertThat(takeAll()).containsExactly(6, 7);
  }
}
