// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.aio.fixture.RingProgram;
import io.pollux.core.fixture.FakeFile;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Mman;
import io.pollux.uapi.Patch;
import io.pollux.uapi.RawMemory;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The memory charge of fixed buffers, whatever addresses and lengths the iocbs name. */
@Patch(24)
@Timeout(60)
class FixedBuffersLimitTest {
  private static final int NR = 6;
  private static final int FIXED = AioAbi.IOCTX_FLAG_FIXEDBUFS;
  private static final int LIMIT_PAGES = 16;
  private static final int ROUNDS = 20_000;
  private static final long PAGE = 4096;

  private final RingProgram program = new RingProgram(FakeFile.held(1 << 20).tags(6), NR);
  private final long area = program.map(40 * PAGE, Mman.PROT_READ | Mman.PROT_WRITE);

  @AfterEach
  void nothingIsLeft() {
    program.close();
  }

  private void buffer(int index, long address, long bytes) {
    Iocb.aioBuf(AioIocbRing.iocb(program.sq, index), address);
    Iocb.aioNbytes(AioIocbRing.iocb(program.sq, index), bytes);
  }

  private long charge() {
    return program.process.mm().lockedPages();
  }

  /**
   * The sum of address and length does not fit into a long; the charge became negative, and any sum
   * fitted the limit then.
   */
  @Test
  void anEndThatOverflowsIsNoBuffer() {
    program.process.setMemlockLimit(LIMIT_PAGES * PAGE);
    for (long address :
        new long[] {
          0x7fff_ffff_ffff_f000L, Long.MAX_VALUE, -1, -PAGE, Long.MIN_VALUE, 0xffff_8000_0000_0000L
        }) {
      for (int i = 0; i < NR; i++) {
        buffer(i, i == 1 ? address : area, 8192);
      }
      assertThat(program.setup(RingProgram.RINGS | FIXED))
          .as("%x", address)
          .isEqualTo(-Errno.EFAULT);
      assertThat(charge()).isZero();
    }
    for (int i = 0; i < NR; i++) {
      buffer(i, area, 40 * PAGE);
    }
    assertThat(program.setup(RingProgram.RINGS | FIXED)).isEqualTo(-Errno.ENOMEM);
    assertThat(charge()).isZero();
  }

  private static long wild(Random random, long near) {
    return switch (random.nextInt(8)) {
      case 0 -> Long.MAX_VALUE - random.nextInt(20_000);
      case 1 -> Long.MIN_VALUE + random.nextInt(20_000);
      case 2 -> (1L << random.nextInt(64)) - random.nextInt(3) * PAGE;
      case 3 -> -random.nextInt(20_000);
      case 4 -> random.nextLong();
      default -> near + random.nextInt(20_000);
    };
  }

  @Test
  @Tag("slow")
  void theChargeIsNeverNegativeAndNeverMoreThanTheLimit() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    program.process.setMemlockLimit(LIMIT_PAGES * PAGE);
    int made = 0;
    for (int round = 0; round < ROUNDS; round++) {
      boolean tame = random.nextInt(4) == 0;
      for (int i = 0; i < NR; i++) {
        long address = tame ? area + random.nextInt(20_000) : wild(random, area);
        long bytes = tame || random.nextBoolean() ? random.nextInt(10_000) : wild(random, 0);
        buffer(i, address, bytes);
      }
      RawMemory.putLong(program.ctxp, 0);
      long result = program.setup(RingProgram.RINGS | FIXED);
      assertThat(charge()).as("seed %d round %d", seed, round).isBetween(0L, (long) LIMIT_PAGES);
      if (result == 0) {
        made++;
        assertThat(program.destroy()).isZero();
      } else {
        assertThat(result)
            .as("seed %d round %d", seed, round)
            .isIn((long) -Errno.EFAULT, (long) -Errno.ENOMEM);
      }
      assertThat(charge()).as("seed %d round %d", seed, round).isZero();
    }
    assertThat(made).isPositive();
  }
}
