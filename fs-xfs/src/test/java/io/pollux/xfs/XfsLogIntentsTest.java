// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static io.pollux.xfs.XfsLogIntentCheck.ATTR_FORK;
import static io.pollux.xfs.XfsLogIntentCheck.BMAP_MAP;
import static io.pollux.xfs.XfsLogIntentCheck.BMAP_UNMAP;
import static io.pollux.xfs.XfsLogIntentCheck.BMAP_UNWRITTEN;
import static io.pollux.xfs.XfsLogIntentCheck.REFCOUNT_ALLOC_COW;
import static io.pollux.xfs.XfsLogIntentCheck.REFCOUNT_DECREASE;
import static io.pollux.xfs.XfsLogIntentCheck.REFCOUNT_FREE_COW;
import static io.pollux.xfs.XfsLogIntentCheck.REFCOUNT_INCREASE;
import static io.pollux.xfs.XfsLogIntentCheck.RMAP_ALLOC;
import static io.pollux.xfs.XfsLogIntentCheck.RMAP_CONVERT;
import static io.pollux.xfs.XfsLogIntentCheck.RMAP_CONVERT_SHARED;
import static io.pollux.xfs.XfsLogIntentCheck.RMAP_FREE;
import static io.pollux.xfs.XfsLogIntentCheck.RMAP_MAP;
import static io.pollux.xfs.XfsLogIntentCheck.RMAP_MAP_SHARED;
import static io.pollux.xfs.XfsLogIntentCheck.RMAP_UNMAP;
import static io.pollux.xfs.XfsLogIntentCheck.RMAP_UNMAP_SHARED;
import static io.pollux.xfs.XfsLogIntentCheck.RMAP_UNWRITTEN;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.vfs.File;
import io.pollux.uapi.Fcntl;
import io.pollux.xfs.ag.XfsAlloc.Extent;
import io.pollux.xfs.ag.XfsOwner;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.log.XlogFormat;
import io.pollux.xfs.log.XlogIntent;
import io.pollux.xfs.mkfs.MadeImage;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Each kind of intent. A test makes the state in which Linux leaves the disk between two
 * transactions, finishes the rest, and xfs_repair finds nothing. No free block is lost.
 */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
final class XfsLogIntentsTest {
  private static final String RMAP = "-m rmapbt=1,reflink=1 -b size=1024";
  private static final long LEN = 20;
  private static final long AT = 1000; // of the shared extent, in both files

  private final Path directory;

  XfsLogIntentsTest(@TempDir Path directory) {
    this.directory = directory;
  }

  private static XlogIntent intent(int type, XlogIntent.Extent... extents) {
    return new XlogIntent(type, 7, List.of(extents));
  }

  private static XlogIntent efi(long start, long length) {
    return intent(XlogFormat.XFS_LI_EFI, new XlogIntent.Extent(0, start, 0, length, 0));
  }

  private static XlogIntent rui(long owner, long start, long offset, long length, int flags) {
    return intent(
        XlogFormat.XFS_LI_RUI, new XlogIntent.Extent(owner, start, offset, length, flags));
  }

  private static XlogIntent cui(long start, long length, int flags) {
    return intent(XlogFormat.XFS_LI_CUI, new XlogIntent.Extent(0, start, 0, length, flags));
  }

  private static XlogIntent bui(long owner, long start, long offset, long length, int flags) {
    return intent(
        XlogFormat.XFS_LI_BUI, new XlogIntent.Extent(owner, start, offset, length, flags));
  }

  /** The state of a test: two files, of which one may share the blocks of the other. */
  private static final class State implements AutoCloseable {
    final WritableTree tree;
    final List<XlogIntent> intents = new ArrayList<>();
    final XfsInode file;
    final XfsInode other;

    State(WritableTree tree) throws ErrnoException {
      this.tree = tree;
      tree.open("/a", Fcntl.O_CREAT).fput(tree.tree.current);
      tree.open("/b", Fcntl.O_CREAT).fput(tree.tree.current);
      file = tree.inode("/a");
      other = tree.inode("/b");
    }

    /** Allocates blocks without an owner. */
    Extent allocate(long len) throws ErrnoException {
      Extent[] made = new Extent[1];
      tree.commit(tp -> made[0] = tree.mp.alloc().allocate(tp, -1, len, len, XfsOwner.SKIP));
      return made[0];
    }

    /** Changes the mapping of a file only. */
    void insert(XfsInode ip, long off, long fsb, long len, boolean unwritten)
        throws ErrnoException {
      tree.commit(
          tp -> {
            XfsForkEdit fork = XfsInodeEdit.of(tp, ip).data();
            fork.apply(fork.tree().planInsert(off, fsb, len, unwritten));
            fork.inode().addBlocks(len);
          });
    }

    void remove(XfsInode ip, long off, long len) throws ErrnoException {
      tree.commit(
          tp -> {
            XfsForkEdit fork = XfsInodeEdit.of(tp, ip).data();
            fork.apply(fork.tree().planRemove(off, len));
            fork.inode().addBlocks(-len);
          });
    }

    void convert(XfsInode ip, long off, long len, boolean unwritten) throws ErrnoException {
      tree.commit(
          tp -> {
            XfsForkEdit fork = XfsInodeEdit.of(tp, ip).data();
            fork.apply(fork.tree().planConvert(off, len, unwritten));
          });
    }

    void reflink(XfsInode ip) throws ErrnoException {
      tree.commit(
          tp -> {
            XfsInodeEdit edit = XfsInodeEdit.of(tp, ip);
            edit.put64(XfsDinode.FLAGS2, edit.flags2() | XfsDinode.DIFLAG2_REFLINK);
          });
    }

    /** Gives the first file an extent, and the other one a share of it. */
    Extent share() throws ErrnoException {
      Extent made = allocate(LEN);
      reflink(file);
      reflink(other);
      tree.commit(
          tp -> {
            XfsBmapi.add(XfsInodeEdit.of(tp, file).data(), AT, made.fsb(), LEN);
            XfsBmapi.add(XfsInodeEdit.of(tp, other).data(), AT, made.fsb(), LEN);
            tree.mp.refcounts().increase(tp, made.fsb(), LEN);
          });
      return made;
    }

    void own(Extent extent, XfsOwner owner) throws ErrnoException {
      tree.commit(tp -> tree.mp.alloc().rmap().map(tp, extent.fsb(), extent.len(), owner));
    }

    void disown(Extent extent, XfsOwner owner) throws ErrnoException {
      tree.commit(tp -> tree.mp.alloc().rmap().unmap(tp, extent.fsb(), extent.len(), owner));
    }

    long free() {
      return tree.mp.trans().fdblocks();
    }

    void finish() throws ErrnoException {
      XfsLogIntents.finish(tree.tree.current, tree.mp, intents);
    }

    @Override
    public void close() throws ErrnoException {
      tree.close();
    }
  }

  /** Owners of free blocks are damage that only the check of this project finds. */
  private static void assertSound(Path image) throws Exception {
    LinuxXfs.assertSound(image);
    List<String> damage = new ArrayList<>();
    try (MadeImage made = new MadeImage(image, 512)) {
      new XfsFileSystem().check(made.current(), made.disk(), Options.none(), damage::add);
    }
    assertThat(damage).isEmpty();
  }

  private interface Work {
    void run(State state) throws ErrnoException;
  }

  /** Makes a state, finishes its intents, and empties the files. All blocks must be free again. */
  private void check(String options, Work work) throws Exception {
    Path image = WritableTree.mkfs(directory, "none\n0 0\nd--755 0 0\n$\n", options);
    long before;
    try (State state = new State(new WritableTree(image))) {
      before = state.free();
      work.run(state);
      state.finish();
      XfsReflink.recoverCow(state.tree.tree.current, state.tree.mp);
    }
    assertSound(image);
    try (State state = new State(new WritableTree(image))) {
      for (String path : List.of("/a", "/b")) {
        File open = state.tree.open(path, Fcntl.O_TRUNC);
        open.fput(state.tree.tree.current);
        XfsInode ip = state.tree.inode(path);
        state.tree.commit(
            tp -> XfsBmapi.unmap(XfsInodeEdit.of(tp, ip).data(), 0, 1 << 20, Integer.MAX_VALUE));
      }
      assertThat(state.free()).isEqualTo(before);
    }
    assertSound(image);
  }

  @ParameterizedTest(name = "mkfs.xfs {0}")
  @ValueSource(strings = {"", RMAP})
  void extentsAreFreedWhateverTheirOwner(String options) throws Exception {
    check(
        options,
        state -> {
          Extent data = state.allocate(LEN);
          Extent block = state.allocate(3);
          state.own(block, XfsOwner.bmbt(state.file.ino(), false));
          Extent inodes = state.allocate(8);
          state.own(inodes, XfsOwner.INODES);
          state.intents.add(
              intent(
                  XlogFormat.XFS_LI_EFI,
                  new XlogIntent.Extent(0, data.fsb(), 0, LEN, 0),
                  new XlogIntent.Extent(0, block.fsb() + 1, 0, 1, 0)));
          state.intents.add(efi(block.fsb(), 1));
          state.intents.add(efi(block.fsb() + 2, 1));
          state.intents.add(efi(inodes.fsb(), 8));
        });
  }

  @Test
  void ownersAreRecorded() throws Exception {
    check(
        RMAP,
        state -> {
          long ino = state.file.ino();
          Extent one = state.allocate(LEN);
          state.insert(state.file, 0, one.fsb(), LEN, false);
          state.intents.add(rui(ino, one.fsb(), 0, LEN, RMAP_MAP));
          Extent two = state.allocate(LEN);
          state.insert(state.file, 100, two.fsb(), LEN, true);
          state.intents.add(rui(ino, two.fsb(), 100, LEN, RMAP_MAP | RMAP_UNWRITTEN));
          Extent shared = state.share();
          state.disown(shared, XfsOwner.of(state.other.ino(), AT, false, false));
          state.intents.add(rui(state.other.ino(), shared.fsb(), AT, LEN, RMAP_MAP_SHARED));
        });
  }

  @Test
  void ownersAreRemovedBeforeTheBlocksAreFreed() throws Exception {
    check(
        RMAP,
        state -> {
          Extent one = state.allocate(LEN);
          state.insert(state.file, 0, one.fsb(), LEN, true);
          state.own(one, XfsOwner.of(state.file.ino(), 0, false, true).alone());
          state.remove(state.file, 5, 10);
          long fsb = one.fsb() + 5;
          int flags = RMAP_UNMAP | RMAP_UNWRITTEN;
          state.intents.add(rui(state.file.ino(), fsb, 5, 10, flags));
          state.intents.add(efi(fsb, 10));
        });
  }

  @Test
  void statesOfOwnersAreConverted() throws Exception {
    check(
        RMAP,
        state -> {
          Extent one = state.allocate(LEN);
          state.insert(state.file, 0, one.fsb(), LEN, true);
          state.own(one, XfsOwner.of(state.file.ino(), 0, false, true).alone());
          state.convert(state.file, 3, 4, false);
          state.intents.add(rui(state.file.ino(), one.fsb() + 3, 3, 4, RMAP_CONVERT));
          state.convert(state.file, 8, 4, false);
          state.intents.add(rui(state.file.ino(), one.fsb() + 8, 8, 4, RMAP_CONVERT));
          state.convert(state.file, 9, 1, true);
          state.intents.add(
              rui(state.file.ino(), one.fsb() + 9, 9, 1, RMAP_CONVERT | RMAP_UNWRITTEN));
          Extent shared = state.share();
          state.remove(state.other, AT, LEN);
          state.disown(shared, XfsOwner.of(state.other.ino(), AT, false, false));
          state.tree.commit(tp -> state.tree.mp.refcounts().decrease(tp, shared.fsb(), LEN));
          state.convert(state.file, AT + 1, 2, true);
          int flags = RMAP_CONVERT_SHARED | RMAP_UNWRITTEN;
          state.intents.add(rui(state.file.ino(), shared.fsb() + 1, AT + 1, 2, flags));
        });
  }

  @Test
  void sharesAreAdded() throws Exception {
    check(
        RMAP,
        state -> {
          Extent shared = state.share();
          state.tree.commit(tp -> state.tree.mp.refcounts().decrease(tp, shared.fsb(), LEN));
          state.intents.add(cui(shared.fsb(), LEN, REFCOUNT_INCREASE));
        });
  }

  /** As Linux leaves the log of a truncation: the owner goes after the count. */
  @ParameterizedTest(name = "mkfs.xfs {0}")
  @ValueSource(strings = {"", RMAP})
  void blocksWithoutASharerAreFreedLast(String options) throws Exception {
    check(
        options,
        state -> {
          Extent shared = state.share();
          state.remove(state.other, AT, LEN);
          state.remove(state.file, AT + 4, 8);
          state.intents.add(cui(shared.fsb(), LEN, REFCOUNT_DECREASE));
          state.intents.add(cui(shared.fsb() + 4, 8, REFCOUNT_DECREASE));
          if (state.tree.mp.sb().rmapbt) {
            state.intents.add(
                rui(state.file.ino(), shared.fsb() + 4, AT + 4, 8, RMAP_UNMAP_SHARED));
            state.intents.add(rui(state.other.ino(), shared.fsb(), AT, LEN, RMAP_UNMAP_SHARED));
          }
        });
  }

  @ParameterizedTest(name = "mkfs.xfs {0}")
  @ValueSource(strings = {"", RMAP})
  void spaceIsSetAsideAndGivenBack(String options) throws Exception {
    check(
        options,
        state -> {
          boolean rmapbt = state.tree.mp.sb().rmapbt;
          Extent one = state.allocate(LEN);
          Extent two = state.allocate(LEN); // beside it, where the tree joins them
          for (Extent each : List.of(two, one)) {
            state.intents.add(cui(each.fsb(), LEN, REFCOUNT_ALLOC_COW));
            if (rmapbt) {
              state.intents.add(rui(XfsOwner.COW.owner(), each.fsb(), 0, LEN, RMAP_ALLOC));
            }
          }
          state.intents.add(cui(one.fsb() + 3, 5, REFCOUNT_FREE_COW));
          if (rmapbt) {
            state.intents.add(rui(XfsOwner.COW.owner(), one.fsb() + 3, 0, 5, RMAP_FREE));
          }
          state.intents.add(efi(one.fsb() + 3, 5));
        });
  }

  @ParameterizedTest(name = "mkfs.xfs {0}")
  @ValueSource(strings = {"", RMAP})
  void blocksAreMapped(String options) throws Exception {
    check(
        options,
        state -> {
          state.reflink(state.other);
          Extent one = state.allocate(LEN);
          long ino = state.other.ino();
          state.intents.add(bui(ino, one.fsb() + 4, 4, LEN - 4, BMAP_MAP));
          state.intents.add(bui(ino, one.fsb(), 0, 4, BMAP_MAP));
          Extent two = state.allocate(LEN);
          state.intents.add(bui(ino, two.fsb(), 50, LEN, BMAP_MAP | BMAP_UNWRITTEN));
        });
  }

  /** As a clone over a shared range: the old blocks go, and the new ones come. */
  @ParameterizedTest(name = "mkfs.xfs {0}")
  @ValueSource(strings = {"", RMAP})
  void blocksAreReplaced(String options) throws Exception {
    check(
        options,
        state -> {
          Extent shared = state.share();
          Extent old = state.allocate(30);
          state.tree.commit(
              tp -> XfsBmapi.add(XfsInodeEdit.of(tp, state.other).data(), 3, old.fsb(), 30));
          long ino = state.other.ino();
          state.intents.add(bui(ino, old.fsb(), 3, 30, BMAP_UNMAP));
          state.intents.add(cui(old.fsb(), 30, REFCOUNT_DECREASE));
          state.intents.add(cui(shared.fsb(), LEN, REFCOUNT_INCREASE));
          state.intents.add(bui(ino, shared.fsb(), 3, LEN, BMAP_MAP));
        });
  }

  /** The mappings of more than one transaction are unmapped, and the file has no name. */
  @Test
  void mappingsOfAnUnlinkedFileAreUnmapped() throws Exception {
    check(
        RMAP,
        state -> {
          int pieces = 200;
          Extent all = state.allocate(pieces);
          File open = state.tree.open("/gone", Fcntl.O_CREAT);
          XfsInode gone = state.tree.inode("/gone");
          state.tree.commit(
              tp -> {
                XfsForkEdit fork = XfsInodeEdit.of(tp, gone).data();
                for (int i = 0; i < pieces; i++) {
                  XfsBmapi.add(fork, 2L * i, all.fsb() + i, 1);
                }
              });
          state.tree.tree.namei.unlink(state.tree.tree.current, null, MountedTree.bytes("/gone"));
          state.intents.add(bui(gone.ino(), all.fsb(), 0, 2L * pieces, BMAP_UNMAP));
          state.intents.add(efi(all.fsb(), pieces));
          XfsLogIntents.finish(state.tree.tree.current, state.tree.mp, state.intents.subList(0, 1));
          state.intents.removeFirst();
          assertThat(gone.extents(state.tree.tree.current).count()).isZero();
          open.fput(state.tree.tree.current);
        });
  }

  private static List<XlogIntent> invalid(State state) {
    long ino = state.file.ino();
    long fsb = state.tree.mp.sb().fsb(1, 1000);
    long outside = state.tree.mp.sb().dblocks * 8;
    XlogIntent two =
        intent(
            XlogFormat.XFS_LI_BUI,
            new XlogIntent.Extent(ino, fsb, 0, 1, BMAP_MAP),
            new XlogIntent.Extent(ino, fsb, 1, 1, BMAP_MAP));
    return List.of(
        efi(outside, 1),
        efi(fsb, 0),
        efi(fsb, -1),
        efi(fsb, Long.MAX_VALUE),
        efi(Long.MIN_VALUE, 1),
        efi(0, 1),
        efi(fsb, 2), // free already
        rui(ino, fsb, 0, 1, 0),
        rui(ino, fsb, 0, 1, 9),
        rui(ino, fsb, 0, 1, RMAP_MAP | 1 << 12),
        rui(0, fsb, 0, 1, RMAP_MAP),
        rui(ino, fsb, -1, 1, RMAP_MAP),
        rui(ino, fsb, XfsExtentMap.MAX_FILEOFF, 2, RMAP_MAP),
        rui(ino, outside, 0, 1, RMAP_MAP),
        rui(ino, fsb, 0, 1, RMAP_UNMAP), // has no such owner
        rui(ino, fsb, 0, 1, RMAP_CONVERT),
        rui(XfsOwner.COW.owner(), fsb, 3, 1, RMAP_ALLOC),
        cui(fsb, 1, 0),
        cui(fsb, 1, 5),
        cui(fsb, 1, REFCOUNT_INCREASE | ATTR_FORK),
        cui(outside, 1, REFCOUNT_INCREASE),
        cui(fsb, 1, REFCOUNT_FREE_COW), // is not set aside
        bui(ino, fsb, 0, 1, 0),
        bui(ino, fsb, 0, 1, 3),
        bui(ino, fsb, 0, 1, BMAP_MAP | 1 << 29),
        bui(ino, fsb, 0, 1, BMAP_MAP | ATTR_FORK), // it has no attributes
        bui(Long.MAX_VALUE, fsb, 0, 1, BMAP_MAP),
        bui(ino, outside, 0, 1, BMAP_MAP),
        bui(ino, fsb, 1L << 54, 1, BMAP_MAP),
        bui(state.tree.mp.root().ino(), fsb, 0, 1, BMAP_MAP), // in short form
        two,
        intent(0x1234, new XlogIntent.Extent(0, fsb, 0, 1, 0)));
  }

  @Test
  void invalidIntentsAreRefused() throws Exception {
    Path image = WritableTree.mkfs(directory, "none\n0 0\nd--755 0 0\n$\n", RMAP);
    try (State state = new State(new WritableTree(image))) {
      for (XlogIntent each : invalid(state)) {
        state.intents.clear();
        state.intents.add(each);
        assertThatThrownBy(state::finish)
            .as(each.toString())
            .isInstanceOfSatisfying(
                ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(XfsError.EFSCORRUPTED));
      }
      Extent one = state.allocate(LEN);
      state.insert(state.file, 10, one.fsb(), LEN, false);
      state.own(one, XfsOwner.of(state.file.ino(), 10, false, false).alone());
      state.intents.clear();
      state.intents.add(bui(state.file.ino(), one.fsb(), 0, 11, BMAP_MAP)); // overlaps
      assertThatThrownBy(state::finish).isInstanceOf(ErrnoException.class);
    }
    assertSound(image);
  }

  @Test
  void kindsOfOtherFilesystemsAreRefused() throws Exception {
    Path image =
        WritableTree.mkfs(directory, "none\n0 0\nd--755 0 0\n$\n", "-m reflink=0,rmapbt=0");
    try (State state = new State(new WritableTree(image))) {
      Extent one = state.allocate(1);
      for (XlogIntent each :
          List.of(
              rui(state.file.ino(), one.fsb(), 0, 1, RMAP_MAP),
              cui(one.fsb(), 1, REFCOUNT_INCREASE))) {
        state.intents.clear();
        state.intents.add(each);
        assertThatThrownBy(state::finish).isInstanceOf(ErrnoException.class);
      }
      state.intents.clear();
      state.intents.add(efi(one.fsb(), 1));
      state.finish();
    }
    assertSound(image);
  }
}
