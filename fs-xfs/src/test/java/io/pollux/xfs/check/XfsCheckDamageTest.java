// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.check;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.xfs.XfsFileSystem;
import io.pollux.xfs.mkfs.HostTool;
import io.pollux.xfs.mkfs.MadeImage;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * One structure after the other is damaged by xfs_db, with its checksum made right. The check and
 * xfs_repair both find it.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class XfsCheckDamageTest {
  private static final long SEED = 20181205;
  private static final int ROUNDS = 150;

  @TempDir private static Path directory = Path.of("");
  private Path aged = Path.of("");
  private Map<String, Long> inodes = Map.of();

  @BeforeAll
  void age() throws IOException, InterruptedException, ErrnoException {
    AgedImage image = AgedImage.make(directory, 32 << 20, "bsize=1024,agcount=2,label=damage");
    aged = image.file;
    inodes = image.inodes;
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      value = {
        "agf 0; write -d freeblks 1 | the number of free blocks is 1, and should be",
        "agf 1; write -d longest 3 | the longest free extent is 3, and should be",
        "agf 0; write -d flcount 2 | group 0, free list (AGFL): 2 blocks from slot",
        "agf 0; write -d btreeblks 9 | the number of blocks of trees is 9",
        "agf 0; write -d rmapblocks 99 | the size of the tree of owners is 99",
        "agf 0; write -d refcntblocks 9 | the size of the tree of reference counts is 9",
        "agf 1; write -d length 5000 | AGF): the size of the group is 5000",
        "agi 0; write -d count 64 | the number of inodes is 64",
        "agi 0; write -d freecount 63 | the number of free inodes is 63",
        "agi 0; write -d ino_blocks 9 | the size of the inode tree is 9",
        "agi 0; write -d unlinked[7] {fragments} | unlinked list 7: inode {fragments} belongs to",
        "agfl 1; write -d bno[3] 5 | in use by the trees of inodes and by the trees of free space"
            + " and owners",
        "sb 0; write -d fdblocks 1 | superblock: the number of free blocks is 1",
        "sb 0; write -d icount 64 | superblock: the number of inodes is 64",
        "sb 0; write -d ifree 1 | superblock: the number of free inodes is 1",
        "sb 1; write -d dblocks 77 | superblock of group 1: differs from the first one",
        "agf 1; addr bnoroot; write -d recs[1].blockcount 1 | neither free nor in use",
        "agf 1; addr cntroot; write -d recs[1].startblock 6000 | does not agree with the tree by",
        "agf 0; addr rmaproot; addr ptrs[1]; write -d recs[2].owner 0xfffffffffffffffa | tree of"
            + " owners",
        "inode {fragments}; addr u3.bmbt.ptrs[1]; write -d rightsib 20 | its siblings are others",
        "inode {fifo}; write -d next_unlinked 80 | is on no unlinked list, and points to another",
        "inode {fifo}; write -d core.extsize 8 | hint for the size of extents does not fit",
        "inode {fifo}; write -d v3.flags2 0x418 | has flags that are not known",
        "inode {fifo}; write -c core.uid 3 | inode {fifo}: bad checksum",
        "agi 0; write -c count 64 | group 0, inode header (AGI): bad checksum",
        "agf 0; addr refcntroot; write -d recs[1].refcount 9 | the reference count is wrong",
        "agi 0; addr root; write -d recs[1].free 0xffffffffffffffff | is in use, and free in",
        "agi 0; addr root; write -d recs[1].startino 72 | out of order",
        "agi 0; addr free_root; write -d recs[1].startino 9984 | does not exist",
        "inode {fifo}; write -d core.nlinkv2 7 | inode {fifo}: the link count is 7, and should be"
            + " 1",
        "inode {fragments}; write -d core.nlinkv2 1 | the link count is 1, and should be 2",
        "inode {short}; write -d core.nlinkv2 2 | the link count is 2, and should be 3",
        "inode {original}; write -d core.nblocks 99 | the number of blocks is 99",
        "inode {original}; write -d u3.bmx[0].startblock 40 | in use by inode",
        "inode {original}; write -d core.nextents 2 | inode {original}: the extent at 0 is outside",
        "inode {original}; write -d core.mode 0 | is free, and in use in the inode tree",
        "inode {original}; write -d core.mode 0140600 | do not go together",
        "inode {shared}; write -d v3.reflink 0 | shares blocks, and has not the flag",
        "inode {fragments}; addr u3.bmbt.ptrs[1]; write -d recs[2].startoff 0 | overlaps",
        "inode {short}; write -d u3.sfdir3.list[0].inumber.i4 90 | is in use, and has no name",
        "inode {short}; write -d u3.sfdir3.list[0].inumber.i4 60000 | which is not in use",
        "inode {short}; write -d u3.sfdir3.hdr.parent.i4 {block} | '..' leads to inode {block}",
        "inode {short/sub}; write -d core.size 9 | entry 0 is damaged",
        "inode {block}; dblock 0; write -d bu[1].inumber {leaf} | '..' leads to inode {leaf}",
        "inode {block}; dblock 0; write -d bu[3].inumber {fifo} | type 1, which inode {fifo} is"
            + " not",
        "inode {block}; dblock 0; write -d bleaf[2].address 0x99 | its index does not have",
        "inode {short}; write -d u3.sfdir3.list[1].name \"name-0\" | has two entries 'name-0'",
        "inode {block}; dblock 0; write -d bu[5].name \"name-1\" | has two entries 'name-1'",
        "inode {fifo}; write -d core.size 5 | format 0 and size 5 do not go together",
        "inode {symlink}; write -d u3.symlink \"tar\" | a target with a byte",
        "inode {acl}; write -d a.sfattr.list[0].value \"x\" | SGI_ACL_FILE is not an access",
        "sb 0; write -d rextsize 0 | the extent size of the realtime device is 0 bytes",
        "sb 0; write -d unit 3 | superblock: a stripe of 0 blocks has units of 3",
        "sb 0; write -d inoalignmt 7 | superblock: inodes are aligned to 7 blocks",
        "inode {leaf}; dblock 0; write -d dhdr.bestfree[0].length 8 | its free space 0",
        "inode {leaf}; dblock 33554432; write -d lents[3].address 0x9 | its index does not have",
        "inode {leaf}; dblock 33554432; write -d lbests[0] 8 | the free space listed for block 0",
        "inode {node}; dblock 67108864; write -d fbests[1] 8 | the free space listed for block 1",
        "inode {node}; dblock 33554432; write -d nbtree[0].hashval 7 | the hash of block",
        "inode {node}; ablock 0; write -d btree[0].hashval 7 | its attributes",
        "inode {block}; ablock 0; write -d entries[0].hashval 7 | the hash of the name"
      })
  void findsDamage(String commands, String sentence)
      throws IOException, InterruptedException, ErrnoException {
    Path image = damaged(commands);
    assertThat(AgedImage.check(image)).anyMatch(line -> line.contains(named(sentence)));
    HostTool.Result repair =
        HostTool.tryRun("xfs_repair", "-n", "-f", "-o", "force_geometry", image.toString());
    assertThat(repair.status()).as(repair.output()).isNotZero();
  }

  private String named(String text) {
    String named = text;
    for (Map.Entry<String, Long> entry : inodes.entrySet()) {
      named = named.replace("{" + entry.getKey() + "}", entry.getValue().toString());
    }
    return named;
  }

  private Path damaged(String commands) throws IOException, InterruptedException {
    Path image = directory.resolve("damaged");
    HostTool.run("cp", "--sparse=always", aged.toString(), image.toString());
    List<String> words = new ArrayList<>(List.of("xfs_db", "-x", "-f"));
    for (String command : named(commands).split("; ", -1)) {
      words.add("-c");
      words.add(command);
    }
    words.add(image.toString());
    String said = HostTool.run(words.toArray(String[]::new));
    assertThat(said).contains(" = "); // what was written
    return image;
  }

  /** Any bytes may change, with checksums made right: the check ends, and with no exception. */
  @Test
  void surprisesDoNotStopIt() throws IOException, ErrnoException {
    Random random = new Random(SEED);
    try (MadeImage opened = new MadeImage(aged, 512)) {
      MemorySegment disk = opened.contents();
      List<Structure> structures = Structure.all(disk);
      assertThat(structures).hasSizeGreaterThan(500);
      for (int round = 0; round < ROUNDS; round++) {
        List<Structure> changed = new ArrayList<>();
        List<byte[]> before = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
          Structure structure = structures.get(random.nextInt(structures.size()));
          changed.add(structure);
          before.add(structure.bytes(disk));
          structure.change(disk, random);
        }
        List<String> damage = new ArrayList<>();
        new XfsFileSystem().check(opened.current(), opened.disk(), Options.none(), damage::add);
        assertThat(damage)
            .as("round " + round)
            .allSatisfy(line -> assertThat(line).hasLineCount(1));
        for (int i = 2; i >= 0; i--) {
          changed.get(i).restore(disk, before.get(i));
        }
      }
    }
    assertThat(AgedImage.check(aged)).isEmpty();
  }
}
