// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.mm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.uapi.Errno;
import io.pollux.uapi.Mman;
import io.pollux.uapi.RawMemory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What an address space says of a pointer, and what pins do. */
class WindowSpaceTest {
  private static final int RW = Mman.PROT_READ | Mman.PROT_WRITE;
  private static final int PAGE = HostMemory.PAGE_SIZE;

  private static final int BIG_PAGE = 512; // pages

  private final WindowSpace mm = new WindowSpace();

  @AfterEach
  void nothingIsPinned() {
    assertThat(mm.pinnedPages()).isZero();
    mm.close();
  }

  @Test
  void theWindowLimitsTheMappings() {
    WindowSpace small = new WindowSpace(1 << 21, ReservedMemory::close);
    assertThat(small.mmap((1 << 21) + 1, RW)).isEqualTo(-Errno.ENOMEM);
    assertThat(small.mmap(1 << 21, RW)).isPositive();
    assertThat(small.mmap(1, RW)).isEqualTo(-Errno.ENOMEM);
    small.close();
    assertThatThrownBy(() -> new WindowSpace(PAGE, ReservedMemory::close))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("2 MiB");
  }

  @Test
  void aWindowIsDisposedOfAfterItsLastPin() {
    List<ReservedMemory> kept = new ArrayList<>();
    WindowSpace small = new WindowSpace(1 << 21, kept::add);
    long address = small.mmap(PAGE, RW);
    RawMemory.putLong(address, 5);
    UserPages pages = Objects.requireNonNull(small.pin(address, 8, true));
    small.close();
    assertThat(kept).isEmpty();
    pages.unpin(address, 8);
    assertThat(kept).hasSize(1);
    assertThat(kept.getFirst().start()).isEqualTo(address);
    kept.getFirst().close();
  }

  @Test
  void mappedMemoryIsZeroedAndPageAligned() {
    long address = mm.mmap(100, RW);
    assertThat(address % PAGE).isZero();
    assertThat(RawMemory.getLong(address)).isZero();
    assertThat(mm.accessOk(address, PAGE, true)).as("rounded up to a page").isTrue();
    assertThat(mm.accessOk(address, PAGE + 1, true)).isFalse();
  }

  @ParameterizedTest
  @ValueSource(
      longs = {
        0,
        1,
        4095,
        -1,
        -4096,
        Long.MAX_VALUE,
        Long.MIN_VALUE,
        0x7fff_ffff_f000L,
        0x1234_5678_9abcL
      })
  void wildPointersAreNotAccessible(long wild) {
    assertThat(mm.accessOk(wild, 1, false)).isFalse();
    assertThat(mm.accessOk(wild, Long.MAX_VALUE, false)).isFalse();
    assertThat(mm.copyFromUser(wild, wild, 8)).isEqualTo(-Errno.EFAULT);
    assertThat(mm.copyToUser(wild, wild, 8)).isEqualTo(-Errno.EFAULT);
    assertThat(mm.contiguous(wild, 8, false)).isZero();
    assertThat(mm.pin(wild, 8, false)).isNull();
    assertThat(mm.stringFromUser(wild, 10)).isNull();
  }

  @Test
  void protectionCounts() {
    long readOnly = mm.mmap(PAGE, Mman.PROT_READ);
    long none = mm.mmap(PAGE, Mman.PROT_NONE);
    assertThat(mm.accessOk(readOnly, 1, false)).isTrue();
    assertThat(mm.accessOk(readOnly, 1, true)).isFalse();
    assertThat(mm.pin(readOnly, 1, true)).isNull();
    assertThat(mm.accessOk(none, 1, false)).isFalse();
  }

  @Test
  void mappingsThatTouchCountAsOneForCopiesButArePinnedOneByOne() {
    long first = mm.mmap(PAGE, RW);
    long second = mm.mmap(PAGE, RW);
    assertThat(second).isEqualTo(first + PAGE);
    assertThat(mm.accessOk(first, 2 * PAGE, true)).isTrue();
    assertThat(mm.contiguous(first + 100, 2 * PAGE - 100, true)).isEqualTo(PAGE - 100);
    assertThat(mm.pin(first, 2 * PAGE, true)).isNull();
  }

  @Test
  void munmapInTheMiddleLeavesBothEnds() {
    long address = mm.mmap(3 * PAGE, RW);
    assertThat(mm.munmap(address + PAGE, PAGE)).isZero();
    assertThat(mm.accessOk(address, PAGE, true)).isTrue();
    assertThat(mm.accessOk(address + PAGE, 1, true)).isFalse();
    assertThat(mm.accessOk(address + 2 * PAGE, PAGE, true)).isTrue();
    assertThat(mm.accessOk(address, 3 * PAGE, true)).isFalse();
  }

  /**
   * Mappings small and large, some of whole big pages, and holes in them: what is said of pages and
   * of ranges is what was mapped.
   */
  @Test
  void whatWasMappedIsAccessibleWhateverElseIsMappedAndUnmapped() {
    long seed = Long.getLong("pollux.seed", System.nanoTime());
    System.out.println("WindowSpaceTest: -Dpollux.seed=" + seed);
    SplittableRandom random = new SplittableRandom(seed);
    long first = mm.mmap(PAGE, RW); // the window's start
    int pages = 4 * BIG_PAGE;
    int[] model = new int[pages]; // rights by page
    model[0] = RW;
    for (int step = 0; step < 3_000; step++) {
      int length =
          random.nextInt(4) == 0 ? 1 + random.nextInt(2 * BIG_PAGE) : 1 + random.nextInt(20);
      int page = random.nextInt(pages);
      if (random.nextInt(3) != 0) {
        int prot = random.nextInt(8);
        page = Math.toIntExact((mm.mmap((long) length * PAGE, prot) - first) / PAGE);
        if (page + length <= pages) {
          Arrays.fill(model, page, page + length, prot);
        } else { // it would go on and on
          assertThat(mm.munmap(first + (long) page * PAGE, (long) length * PAGE)).isZero();
          Arrays.fill(model, Math.min(page, pages), pages, Mman.PROT_NONE);
        }
      } else {
        assertThat(mm.munmap(first + (long) page * PAGE, (long) length * PAGE)).isZero();
        Arrays.fill(model, page, Math.min(pages, page + length), Mman.PROT_NONE);
      }
      for (int probe = 0; probe < 10; probe++) {
        long from = random.nextLong((long) (pages - 3 * BIG_PAGE / 2) * PAGE);
        long bytes =
            random.nextBoolean() ? 1 + random.nextInt(PAGE) : 1 + random.nextInt(BIG_PAGE * PAGE);
        boolean write = random.nextBoolean();
        int wanted = write ? Mman.PROT_WRITE : Mman.PROT_READ;
        boolean all =
            IntStream.rangeClosed((int) (from / PAGE), (int) ((from + bytes - 1) / PAGE))
                .allMatch(i -> (model[i] & wanted) == wanted);
        assertThat(mm.accessOk(first + from, bytes, write))
            .as("step %d: %d bytes at %d", step, bytes, from)
            .isEqualTo(all);
      }
    }
  }

  /** A page that stays mapped, for as long as it is told of. */
  private static final class Staying {
    private final long address;

    Staying(long address) {
      this.address = address;
    }
  }

  /** Rights are read without a lock while big pages come, are split up and go. */
  @Test
  @Timeout(60)
  void whatStaysMappedStaysAccessibleWhileItsNeighboursComeAndGo() throws InterruptedException {
    long never = mm.mmap(PAGE, Mman.PROT_NONE);
    AtomicReference<@Nullable Staying> staying = new AtomicReference<>();
    AtomicBoolean stop = new AtomicBoolean();
    AtomicInteger looks = new AtomicInteger();
    AtomicReference<String> wrong = new AtomicReference<>("");
    Thread reader =
        Thread.ofPlatform()
            .start(
                () -> {
                  while (!stop.get()) {
                    Staying page = staying.get();
                    if (page != null
                        && !mm.accessOk(page.address - 8, 16, true)
                        && staying.get() == page) {
                      wrong.set("not accessible, but still mapped");
                    }
                    if (mm.accessOk(never, 1, false)) {
                      wrong.set("accessible, but never was");
                    }
                    looks.incrementAndGet();
                  }
                });
    for (int round = 0;
        (round < 20_000 || looks.get() < 20_000) && wrong.get().isEmpty();
        round++) {
      long mapped = mm.mmap(3L * BIG_PAGE * PAGE, RW); // two big pages at least are its own
      long big = (mapped + (long) BIG_PAGE * PAGE) & -(long) BIG_PAGE * PAGE;
      staying.set(new Staying(big + (long) (1 + round % (BIG_PAGE - 2)) * PAGE));
      // of the next one, or this one
      assertThat(mm.munmap(big + (long) BIG_PAGE * PAGE - PAGE * (long) (round & 1), PAGE))
          .isZero();
      staying.set(null);
      assertThat(mm.munmap(mapped, 3L * BIG_PAGE * PAGE)).isZero();
    }
    stop.set(true);
    reader.join();
    assertThat(wrong).hasValue("");
  }

  @Test
  void theEndsOfTheWindowAreNoPlaceToAccess() {
    long window = WindowSpace.WINDOW_BYTES;
    long all = mm.mmap(window, RW);
    assertThat(mm.accessOk(all, 1, true)).isTrue();
    assertThat(mm.accessOk(all - 1, 1, true)).isFalse();
    assertThat(mm.accessOk(all - 1, 2, true)).isFalse();
    assertThat(mm.accessOk(all + window - 1, 1, true)).isTrue();
    assertThat(mm.accessOk(all + window - 1, 2, true)).isFalse();
    assertThat(mm.accessOk(all + window, 1, true)).isFalse();
    assertThat(mm.accessOk(all, window, true)).isTrue();
    assertThat(mm.accessOk(all, window + 1, true)).isFalse();
  }

  @Test
  void munmapOfNothingIsNoErrorAndOfNonsenseIs() {
    assertThat(mm.munmap(0x1000, PAGE)).isZero();
    assertThat(mm.munmap(1, PAGE)).isEqualTo(-Errno.EINVAL);
    assertThat(mm.munmap(0x1000, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(mm.munmap(0x1000, -1)).isEqualTo(-Errno.EINVAL);
    assertThat(mm.munmap(0x1000, Long.MAX_VALUE)).isEqualTo(-Errno.EINVAL);
  }

  @ParameterizedTest
  @ValueSource(longs = {-1, Long.MIN_VALUE, Long.MAX_VALUE, 1L << 40})
  void whatCanNotBeMappedIsNoMemory(long length) {
    assertThat(mm.mmap(length, RW)).isEqualTo(-Errno.ENOMEM);
  }

  @Test
  void pinnedPagesOutliveMunmapAndAreNotGivenOutAgain() {
    long address = mm.mmap(PAGE, RW);
    RawMemory.putLong(address, 42);
    UserPages pages = Objects.requireNonNull(mm.pin(address, PAGE, true));
    assertThat(mm.pinnedPages()).isEqualTo(1);
    assertThat(mm.munmap(address, PAGE)).isZero();
    assertThat(mm.accessOk(address, 1, false)).isFalse();
    assertThat(RawMemory.getLong(address)).as("the kernel still has it").isEqualTo(42);
    long other = mm.mmap(PAGE, RW);
    assertThat(other).isNotEqualTo(address);
    pages.unpin(address, PAGE);
    assertThat(mm.pinnedPages()).isZero();
    assertThat(mm.munmap(other, PAGE)).isZero();
    long again = mm.mmap(2 * PAGE, RW);
    assertThat(again).as("given out again, whole").isEqualTo(address);
    assertThat(RawMemory.getLong(again)).as("and zeroed").isZero();
  }

  @Test
  void pinsCountEveryPageTouched() {
    long address = mm.mmap(4 * PAGE, RW);
    UserPages pages = Objects.requireNonNull(mm.pin(address + PAGE - 1, 2, true));
    assertThat(mm.pinnedPages()).isEqualTo(2);
    pages.unpin(address + PAGE - 1, 2);
  }

  @Test
  void lockedMemoryHasALimit() {
    assertThat(mm.chargeLocked(2, 2 * PAGE)).isTrue();
    assertThat(mm.chargeLocked(1, 2 * PAGE)).isFalse();
    assertThat(mm.lockedPages()).isEqualTo(2);
    mm.unchargeLocked(2);
    assertThat(mm.chargeLocked(Long.MAX_VALUE, Long.MAX_VALUE)).isFalse();
  }

  @Test
  void stringsEndWithTheMapping() {
    long address = mm.mmap(PAGE, RW);
    byte[] text = "käse".getBytes(StandardCharsets.UTF_8);
    for (int i = 0; i < text.length; i++) {
      RawMemory.putByte(address + i, text[i]);
    }
    assertThat(mm.stringFromUser(address, 100)).isEqualTo(text);
    assertThat(mm.stringFromUser(address, 3)).as("too long").hasSize(3);
    RawMemory.putByte(address + PAGE - 1, (byte) 'x');
    assertThat(mm.stringFromUser(address + PAGE - 1, 100)).as("no 0 before the end").isNull();
  }
}
