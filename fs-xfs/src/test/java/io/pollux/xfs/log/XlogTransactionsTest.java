// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.xfs.format.XfsError;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Operations of records become transactions. */
final class XlogTransactionsTest {
  private static final int START = XlogFormat.XLOG_START_TRANS;
  private static final int COMMIT = XlogFormat.XLOG_COMMIT_TRANS;
  private static final int CONTINUE = XlogFormat.XLOG_CONTINUE_TRANS;
  private static final int WAS = XlogFormat.XLOG_WAS_CONT_TRANS;
  private static final int END = XlogFormat.XLOG_END_TRANS;

  private final List<String> seen = new ArrayList<>();
  private final XlogTransactions transactions =
      new XlogTransactions(
          (lsn, items) -> {
            StringBuilder text = new StringBuilder().append(lsn).append(':');
            for (XlogItem item : items) {
              text.append(' ').append(Integer.toHexString(item.type()));
              item.regions().forEach(region -> text.append('/').append(region.size()));
            }
            seen.add(text.toString());
          });

  private final ByteBuffer body = ByteBuffer.allocate(8192);
  private int operations;

  private void op(int tid, int flags, byte... region) {
    body.putInt(tid).putInt(region.length).put((byte) XlogFormat.XFS_TRANSACTION);
    body.put((byte) flags).putShort((short) 0).put(region);
    operations++;
  }

  private void record(long lsn) throws ErrnoException {
    byte[] bytes = new byte[body.position()];
    body.flip().get(bytes);
    body.clear();
    int count = operations;
    operations = 0;
    XlogRecord header = new XlogRecord(0, 1, bytes.length, lsn, 0, 0, count, 1, 32768, 1);
    transactions.visit(header, new BufData(bytes, 0, "log", XfsError.EFSCORRUPTED));
  }

  private static byte[] header() {
    return ByteBuffer.allocate(16)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(XlogFormat.XFS_TRANS_HEADER_MAGIC)
        .array();
  }

  private static byte[] format(int type, int regions, int size) {
    return ByteBuffer.allocate(size)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putShort((short) type)
        .putShort((short) regions)
        .array();
  }

  @Test
  void twoAreMixed() throws ErrnoException {
    op(1, START);
    op(2, START);
    op(1, 0, header());
    op(2, 0, header());
    op(2, 0, format(0x123c, 2, 24));
    op(1, 0, format(0x123b, 1, 56));
    op(2, 0, new byte[128]);
    op(2, COMMIT);
    record(5);
    op(1, COMMIT);
    record(6);
    assertThat(seen).containsExactly("5: 123c/24/128", "5: 123b/56");
  }

  @Test
  void aRegionGoesOnInLaterRecords() throws ErrnoException {
    op(1, START);
    op(1, 0, header());
    op(1, 0, format(0x123c, 3, 24));
    op(1, CONTINUE, new byte[100]);
    record(5);
    op(1, WAS | CONTINUE, new byte[20]);
    record(6);
    op(1, WAS | END, new byte[8]);
    op(1, 0, new byte[256]);
    op(1, COMMIT);
    record(7);
    assertThat(seen).containsExactly("5: 123c/24/128/256");
  }

  @Test
  void theHeaderIsSplit() throws ErrnoException {
    op(1, START);
    op(1, CONTINUE, Arrays.copyOf(header(), 4));
    record(5);
    op(1, WAS | END, new byte[12]);
    op(1, 0, format(0x123e, 1, 12));
    op(1, COMMIT);
    record(6);
    assertThat(seen).containsExactly("5: 123e/12");
  }

  @Test
  void whatBeganBeforeTheTailDoesNotCount() throws ErrnoException {
    op(1, 0, new byte[128]);
    op(1, COMMIT);
    record(5);
    assertThat(seen).isEmpty();
  }

  @Test
  void whatHasNoCommitDoesNotCount() throws ErrnoException {
    op(1, START);
    op(1, 0, header());
    op(1, 0, format(0x123c, 1, 24));
    record(5);
    assertThat(seen).isEmpty();
  }

  private void assertDamaged(String why) {
    assertThatThrownBy(() -> record(5))
        .isInstanceOfSatisfying(
            ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(XfsError.EFSCORRUPTED))
        .hasMessageContaining(why);
  }

  @Test
  void damaged() {
    op(1, START);
    op(1, 0, new byte[16]);
    assertDamaged("without its header");
  }

  @Test
  void tooManyRegions() {
    op(1, START);
    op(1, 0, header());
    op(1, 0, format(0x123c, 0xffff, 24));
    assertDamaged("an item of 65535 parts");
  }

  @Test
  void aRegionBeyondTheRecord() {
    op(1, START);
    body.putInt(body.position() - 8, 4000);
    assertDamaged("beyond its end");
  }

  @Test
  void anItemThatEndsEarly() {
    op(1, START);
    op(1, 0, header());
    op(1, 0, format(0x123c, 2, 24));
    op(1, COMMIT);
    assertDamaged("inside an item");
  }

  @Test
  void anUnknownWriter() {
    op(1, START);
    body.put(body.position() - 4, (byte) 0);
    assertDamaged("unknown writer");
  }
}
