// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.ag;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.xfs.ag.XfsAlloc.Extent;
import io.pollux.xfs.trans.XfsTrans;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Owners and reference counts of the blocks of files, against a model that has them by block. */
@Timeout(300)
final class XfsRmapTest {
  private static final int FILES = 5;
  private static final long FIRST_INO = 1000;

  /** A file's block: where it is, and its state. */
  private record Place(long fsb, boolean unwritten) {}

  /** The files, each with its blocks by offset. */
  private static final class Model {
    final AgImage image;
    final Random random;
    final boolean shares;
    final List<NavigableMap<Long, Place>> files = new ArrayList<>();

    Model(AgImage image, Random random) {
      this.image = image;
      this.random = random;
      shares = image.sb.reflink;
      for (int i = 0; i < FILES; i++) {
        files.add(new TreeMap<>());
      }
    }

    static XfsOwner owner(int file, long offset, boolean unwritten) {
      return XfsOwner.of(FIRST_INO + file, offset, file == FILES - 1, unwritten);
    }

    private static Place place(NavigableMap<Long, Place> file, long offset) {
      return Objects.requireNonNull(file.get(offset));
    }

    /** A run of blocks that are contiguous in the file and on the disk, of one state. */
    private long run(NavigableMap<Long, Place> file, long offset, long most) {
      Place first = place(file, offset);
      long len = 1;
      while (len < most
          && new Place(first.fsb() + len, first.unwritten()).equals(file.get(offset + len))) {
        len++;
      }
      return len;
    }

    void step() throws ErrnoException {
      int index = random.nextInt(FILES);
      NavigableMap<Long, Place> file = files.get(index);
      int kind = file.isEmpty() ? 0 : random.nextInt(shares ? 10 : 7);
      try (XfsTrans tp = image.begin()) {
        if (kind < 3) {
          write(tp, index, file);
        } else {
          long offset = pick(file);
          long len = run(file, offset, 1 + random.nextInt(30));
          if (kind < 5) {
            unmap(tp, index, offset, len);
          } else if (kind < 7) {
            convert(tp, index, offset, len);
          } else {
            share(tp, file, offset, len);
          }
        }
        tp.commit();
      }
    }

    private long pick(NavigableMap<Long, Place> file) {
      Long at = file.ceilingKey(random.nextLong(file.lastKey() + 1));
      return at == null ? file.firstKey() : at;
    }

    private long hole(NavigableMap<Long, Place> file) {
      long last = file.isEmpty() ? 0 : file.lastKey() + 1;
      return last + (random.nextBoolean() ? 0 : random.nextInt(4));
    }

    private void write(XfsTrans tp, int index, NavigableMap<Long, Place> file)
        throws ErrnoException {
      long offset = hole(file);
      Place before = file.get(offset - 1);
      long near = before == null ? random.nextInt(5000) : before.fsb() + 1;
      Extent made = image.alloc.allocate(tp, near, 1, 1 + random.nextInt(40), XfsOwner.SKIP);
      boolean unwritten = random.nextBoolean();
      image.alloc.rmap().map(tp, made.fsb(), made.len(), owner(index, offset, unwritten));
      put(file, offset, made.fsb(), made.len(), unwritten);
    }

    private static void put(
        NavigableMap<Long, Place> file, long offset, long fsb, long len, boolean unwritten) {
      for (long i = 0; i < len; i++) {
        file.put(offset + i, new Place(fsb + i, unwritten));
      }
    }

    void unmap(XfsTrans tp, int index, long offset, long len) throws ErrnoException {
      Place first = place(files.get(index), offset);
      XfsOwner owner = owner(index, offset, first.unwritten());
      image.alloc.rmap().unmap(tp, first.fsb(), len, owner);
      image.refcounts.decrease(tp, first.fsb(), len);
      for (long i = 0; i < len; i++) {
        files.get(index).remove(offset + i);
      }
    }

    private void convert(XfsTrans tp, int index, long offset, long len) throws ErrnoException {
      Place first = place(files.get(index), offset);
      boolean unwritten = !first.unwritten();
      XfsOwner owner = owner(index, offset, false);
      image.alloc.rmap().convert(tp, first.fsb(), len, owner, unwritten);
      put(files.get(index), offset, first.fsb(), len, unwritten);
    }

    private void share(XfsTrans tp, NavigableMap<Long, Place> file, long offset, long len)
        throws ErrnoException {
      int other = random.nextInt(FILES);
      long to = hole(files.get(other));
      Place first = place(file, offset);
      XfsOwner owner = owner(other, to, first.unwritten());
      image.refcounts.increase(tp, first.fsb(), len);
      image.alloc.rmap().map(tp, first.fsb(), len, owner);
      put(files.get(other), to, first.fsb(), len, first.unwritten());
    }

    void unmapAll() throws ErrnoException {
      for (int i = 0; i < FILES; i++) {
        while (!files.get(i).isEmpty()) {
          try (XfsTrans tp = image.begin()) {
            long offset = pick(files.get(i));
            unmap(tp, i, offset, run(files.get(i), offset, Long.MAX_VALUE));
            tp.commit();
          }
        }
      }
    }

    /** Compares with the trees, and the trees with each other. */
    void check() throws ErrnoException {
      AgCheck trees = AgCheck.of(image);
      Map<Long, Long> counts = new HashMap<>();
      files.forEach(file -> file.values().forEach(each -> counts.merge(each.fsb(), 1L, Long::sum)));
      Map<Long, Long> shared = new HashMap<>(counts);
      shared.values().removeIf(count -> count == 1);
      Map<Long, Long> recorded = new HashMap<>();
      long end = -1;
      long refs = 0;
      for (long[] each : trees.refcounts) {
        assertThat(each[0] == end && each[2] == refs).as("records that should be one").isFalse();
        for (long i = 0; i < each[1]; i++) {
          recorded.put(each[0] + i, each[2]);
        }
        end = each[0] + each[1];
        refs = each[2];
      }
      assertThat(recorded).isEqualTo(shared);
      if (image.sb.rmapbt) {
        checkOwners(trees);
      }
      checkFindShared(shared);
    }

    private void checkOwners(AgCheck trees) {
      List<NavigableMap<Long, Place>> found = new ArrayList<>();
      for (int i = 0; i < FILES; i++) {
        found.add(new TreeMap<>());
      }
      Map<List<Long>, Long> ends = new HashMap<>();
      for (ByteBuffer rec : trees.rmaps) {
        long ino = rec.getLong(8);
        if (ino < FIRST_INO || ino >= FIRST_INO + FILES) {
          continue;
        }
        long packed = rec.getLong(16);
        boolean unwritten = (packed & 1L << 61) != 0;
        assertThat(packed < 0).isEqualTo(ino == FIRST_INO + FILES - 1);
        long offset = packed & (1L << 54) - 1;
        // two records that could be one
        assertThat(ends).doesNotContainKey(List.of(ino, packed, (long) rec.getInt(0)));
        ends.put(List.of(ino, packed + rec.getInt(4), (long) rec.getInt(0) + rec.getInt(4)), 0L);
        NavigableMap<Long, Place> file = found.get((int) (ino - FIRST_INO));
        put(file, offset, rec.getInt(0), rec.getInt(4), unwritten);
      }
      assertThat(found).isEqualTo(files);
    }

    private void checkFindShared(Map<Long, Long> shared) throws ErrnoException {
      if (!shares) {
        return;
      }
      try (XfsTrans tp = image.begin()) {
        for (int i = 0; i < 50; i++) {
          long from = 10L + random.nextInt(3000);
          long len = 1L + random.nextInt(60);
          long at = from;
          while (at < from + len && !shared.containsKey(at)) {
            at++;
          }
          long end = at;
          while (end < from + len && shared.containsKey(end)) {
            end++;
          }
          assertThat(image.refcounts.findShared(tp, from, len))
              .isEqualTo(at == from + len ? null : new Extent(at, end - at));
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "-b size=4096 -m rmapbt=1,reflink=1 -d size=128m,agcount=1",
        "-b size=1024 -m rmapbt=1,reflink=1 -d size=64m,agcount=1",
        "-b size=1024 -m rmapbt=1,reflink=0 -d size=64m,agcount=1",
        "-b size=1024 -m rmapbt=0,reflink=1 -d size=64m,agcount=1"
      })
  void randomFiles(String options, @TempDir Path directory) throws Exception {
    Random random = XfsAllocTest.random(options);
    try (AgImage image = new AgImage(directory, options.split(" "))) {
      Model model = new Model(image, random);
      for (int i = 0; i < 750; i++) {
        model.step();
        if (i % 150 == 149) {
          model.check();
        }
      }
      model.unmapAll();
      model.check();
      assertThat(image.mount.fdblocks()).isEqualTo(image.freeAtFirst);
      image.repair();
    }
  }

  @Test
  void aBlockOfManyFiles(@TempDir Path directory) throws Exception {
    try (AgImage image =
        new AgImage(directory, "-b", "size=1024", "-m", "rmapbt=1", "-d", "size=32m,agcount=2")) {
      int owners = 1500; // their records fill three levels
      Extent block;
      try (XfsTrans tp = image.begin()) {
        block = image.alloc.allocate(tp, -1, 8, 8, XfsOwner.SKIP);
        for (int i = 0; i < owners; i++) {
          XfsOwner owner = XfsOwner.of(5000 + i, 7, false, false);
          if (i > 0) {
            image.refcounts.increase(tp, block.fsb() + i % 8, 1);
          }
          long from = i == 0 ? 0 : i % 8;
          image.alloc.rmap().map(tp, block.fsb() + from, i == 0 ? 8 : 1, owner);
        }
        tp.commit();
      }
      AgCheck check = AgCheck.of(image);
      assertThat(check.highest).isGreaterThanOrEqualTo(3);
      assertThat(check.refcounts).hasSizeBetween(2, 8);
      try (XfsTrans tp = image.begin()) {
        assertThat(image.refcounts.findShared(tp, block.fsb(), 8)).isEqualTo(block);
        XfsOwner none = XfsOwner.of(4999, 7, false, false);
        assertThatThrownBy(() -> image.alloc.rmap().unmap(tp, block.fsb(), 1, none))
            .isInstanceOfSatisfying(
                ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EUCLEAN))
            .hasMessageContaining("lacks a record");
      }
      try (XfsTrans tp = image.begin()) {
        for (int i = owners - 1; i >= 0; i--) {
          XfsOwner owner = XfsOwner.of(5000 + i, 7, false, false);
          long from = i == 0 ? 0 : i % 8;
          image.alloc.rmap().unmap(tp, block.fsb() + from, i == 0 ? 8 : 1, owner);
          image.refcounts.decrease(tp, block.fsb() + from, i == 0 ? 8 : 1);
        }
        tp.commit();
      }
      assertThat(AgCheck.of(image).refcounts).isEmpty();
      assertThat(image.mount.fdblocks()).isEqualTo(image.freeAtFirst);
      image.repair();
    }
  }

  @Test
  void countsFillADeepTree(@TempDir Path directory) throws Exception {
    try (AgImage image =
        new AgImage(directory, "-b", "size=1024", "-m", "rmapbt=0", "-d", "size=32m,agcount=2")) {
      long before = image.alloc.reserved();
      int count = 12_000;
      Extent all;
      try (XfsTrans tp = image.begin()) {
        all = image.alloc.allocate(tp, -1, count, count, XfsOwner.SKIP);
        image.refcounts.increase(tp, all.fsb(), count);
        for (int i = 0; i < count; i += 2) {
          image.refcounts.increase(tp, all.fsb() + i, 1);
        }
        tp.commit();
      }
      AgCheck check = AgCheck.of(image);
      assertThat(check.highest).isGreaterThanOrEqualTo(3);
      assertThat(check.refcounts).hasSize(count);
      assertThat(image.alloc.reserved()).isLessThan(before);
      try (XfsTrans tp = image.begin()) {
        image.refcounts.decrease(tp, all.fsb(), count);
        tp.commit();
      }
      assertThat(AgCheck.of(image).refcounts).hasSize(count / 2);
      try (XfsTrans tp = image.begin()) {
        image.refcounts.decrease(tp, all.fsb(), count); // frees every other block
        tp.commit();
      }
      assertThat(AgCheck.of(image).refcounts).isEmpty();
      try (XfsTrans tp = image.begin()) {
        for (int i = 0; i < count; i += 2) {
          image.refcounts.decrease(tp, all.fsb() + i, 1);
        }
        tp.commit();
      }
      AgCheck.of(image);
      assertThat(image.alloc.reserved()).isEqualTo(before);
      assertThat(image.mount.fdblocks()).isEqualTo(image.freeAtFirst);
      image.repair();
    }
  }
}
