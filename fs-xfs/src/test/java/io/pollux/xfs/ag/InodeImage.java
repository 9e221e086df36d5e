// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.ag;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.block.buffer.BufOps;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.uapi.StatMode;
import io.pollux.xfs.format.XfsLogType;
import io.pollux.xfs.trans.XfsTrans;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** An image whose inodes a test allocates and frees, as xfs_db sees it. */
final class InodeImage implements AutoCloseable {
  /** A record of an inode tree, as xfs_db prints it. */
  private static final Pattern RECORD =
      Pattern.compile("\\d+:\\[(\\d+),(?:(0x[0-9a-f]+|0),(\\d+),)?(\\d+),(0x[0-9a-f]+|0)]");

  record Chunk(long startino, int holemask, int count, int freecount, long free) {}

  /** Each inode has its own checksum, so a block is not verified. */
  static final BufOps OPS = new Inodes();

  private static final class Inodes implements BufOps, XfsLogType {
    @Override
    public String name() {
      return "xfs_inode";
    }

    @Override
    public void verifyRead(BufData data) {}

    @Override
    public void verifyWrite(BufEdit data) {}

    @Override
    public int logType(BufData block) {
      return DINO_BUF;
    }

    @Override
    public int lsnOffset() {
      return NO_LSN;
    }

    @Override
    public boolean isInodes() {
      return true;
    }
  }

  final AgImage image;
  final XfsIalloc ialloc;
  private final long seed;

  /** Makes one of 320 MiB. */
  InodeImage(Path directory, String options, long seed)
      throws IOException, InterruptedException, ErrnoException {
    List<String> all = new ArrayList<>(List.of("-d", "size=320m"));
    all.addAll(List.of(options.trim().split(" +", -1)));
    all.removeIf(String::isEmpty);
    image = new AgImage(directory, all.toArray(String[]::new));
    ialloc = new XfsIalloc(image.alloc, image.mount, OPS, new Random(5));
    this.seed = seed;
  }

  @Override
  public void close() {
    image.close();
  }

  // What xfs_db sees.

  List<Chunk> chunks(long agno, String root) throws IOException, InterruptedException {
    List<Chunk> chunks = new ArrayList<>();
    Matcher found = RECORD.matcher(image.db("agi " + agno, "addr " + root, "btdump"));
    while (found.find()) {
      String holes = found.group(2);
      chunks.add(
          new Chunk(
              Long.parseLong(found.group(1)),
              holes == null ? 0 : Integer.decode(holes),
              holes == null ? 64 : Integer.parseInt(found.group(3)),
              Integer.parseInt(found.group(4)),
              Long.parseUnsignedLong(found.group(5).replace("0x", ""), 16)));
    }
    return chunks;
  }

  /** Compares all groups with the inodes that should be in use. */
  void compare(Set<Long> used) throws IOException, InterruptedException {
    image.writeBack();
    Set<Long> found = new TreeSet<>();
    long count = 0;
    long freecount = 0;
    for (long agno = 0; agno < image.sb.agCount; agno++) {
      List<Chunk> chunks = chunks(agno, "root");
      long inGroup = 0;
      long freeInGroup = 0;
      for (Chunk chunk : chunks) {
        inGroup += chunk.count;
        freeInGroup += chunk.freecount;
        int present = 0;
        for (int i = 0; i < 64; i++) {
          boolean hole = (chunk.holemask >> (i / 4) & 1) != 0;
          present += hole ? 0 : 1;
          if (hole) {
            assertThat(chunk.free >>> i & 1).as("seed %d: %s", seed, chunk).isEqualTo(1);
          } else if ((chunk.free >>> i & 1) == 0) {
            found.add(image.sb.ino(agno, chunk.startino + i));
          }
        }
        assertThat(present).isEqualTo(chunk.count);
      }
      if (image.sb.finobt) {
        assertThat(chunks(agno, "free_root"))
            .as("seed %d", seed)
            .isEqualTo(chunks.stream().filter(chunk -> chunk.freecount > 0).toList());
      }
      assertThat(image.db("agi " + agno, "p count freecount"))
          .as("seed %d", seed)
          .isEqualTo("count = " + inGroup + "\nfreecount = " + freeInGroup + "\n");
      count += inGroup;
      freecount += freeInGroup;
    }
    assertThat(found).as("seed %d", seed).isEqualTo(used);
    assertThat(image.mount.icount()).as("seed %d", seed).isEqualTo(count);
    assertThat(image.mount.ifree()).as("seed %d", seed).isEqualTo(freecount);
  }

  /** A free inode of a new chunk. */
  void checkNew(long ino) throws IOException, InterruptedException {
    assertThat(
            image.db(
                "inode " + ino,
                "p core.magic core.mode core.version next_unlinked v3.crc v3.inumber"))
        .isEqualTo(
            "core.magic = 0x494e\ncore.mode = 0\ncore.version = 3\nnext_unlinked = null\n"
                + image.db("inode " + ino, "p v3.crc").replaceFirst("\\(.*\\)", "(correct)")
                + "v3.inumber = "
                + ino
                + "\n");
  }

  Set<Long> initial() {
    long root = image.sb.rootIno;
    return new TreeSet<>(Set.of(root, root + 1, root + 2)); // and the two of the realtime device
  }

  long alloc(long parent, int mode) throws ErrnoException {
    try (XfsTrans tp = image.begin()) {
      long ino = ialloc.allocInode(tp, parent, mode);
      tp.commit();
      return ino;
    }
  }

  boolean free(long ino) throws ErrnoException {
    try (XfsTrans tp = image.begin()) {
      boolean stays = ialloc.freeInode(tp, ino);
      tp.commit();
      return stays;
    }
  }

  /** Allocates until there is no space, which must change nothing. */
  List<Long> allocAll() throws ErrnoException {
    List<Long> inos = new ArrayList<>();
    while (true) {
      long fdblocks = image.mount.fdblocks();
      try {
        inos.add(alloc(image.sb.rootIno, StatMode.S_IFIFO));
      } catch (ErrnoException e) {
        assertThat(e.errno()).as("seed %d", seed).isEqualTo(Errno.ENOSPC);
        assertThat(image.mount.fdblocks()).isEqualTo(fdblocks);
        return inos;
      }
    }
  }
}
