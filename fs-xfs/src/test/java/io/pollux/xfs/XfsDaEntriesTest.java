// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.xfs.format.XfsError;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Hashes of names, and rows that are ordered by them. */
final class XfsDaEntriesTest {
  @ParameterizedTest(name = "{0}")
  @CsvSource({
    "a, 61",
    "ab, 30e2",
    "abc, 187163",
    "abcd, c38b1e4",
    "abcde, 1c58f263",
    "b0001, 260c1837",
    "lost+found, 21aa60c",
    "文件系统, 4231a7ef"
  })
  void hashesAreThoseOfXfsDb(String name, String expected) {
    int hash = XfsDaEntries.hashName(name.getBytes(StandardCharsets.UTF_8));
    assertThat(Integer.toHexString(hash)).isEqualTo(expected);
  }

  @Test
  void findsTheFirstOfEqualHashes() throws ErrnoException {
    ByteBuffer row = ByteBuffer.allocate(8 * 8);
    int[] hashes = {1, 5, 5, 5, 9, Integer.MAX_VALUE, Integer.MIN_VALUE, -1}; // unsigned: ascending
    for (int i = 0; i < hashes.length; i++) {
      row.putInt(i * 8, hashes[i]).putInt(i * 8 + 4, i);
    }
    BufData buf = new BufData(row.array(), 0, "row", XfsError.EFSCORRUPTED);
    XfsDaEntries.verifyOrder(buf, 0, 8);
    assertThat(XfsDaEntries.lowerBound(buf, 0, 8, 5)).isEqualTo(1);
    assertThat(XfsDaEntries.lowerBound(buf, 0, 8, 6)).isEqualTo(4);
    assertThat(XfsDaEntries.lowerBound(buf, 0, 8, 0)).isEqualTo(0);
    assertThat(XfsDaEntries.lowerBound(buf, 0, 8, Integer.MIN_VALUE)).isEqualTo(6);
    assertThat(XfsDaEntries.lowerBound(buf, 0, 7, -1)).isEqualTo(7);
  }
}
