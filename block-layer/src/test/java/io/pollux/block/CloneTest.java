// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.fixture.BlockRig;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.mm.BvecIter;
import io.pollux.core.mm.DmaMapping;
import io.pollux.uapi.Errno;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A stacked driver clones the bios of its requests and submits the clones to lower disks. */
@Timeout(60)
final class CloneTest {
  private static final int READ = BlkTypes.REQ_OP_READ;
  private static final int WRITE = BlkTypes.REQ_OP_WRITE;
  private static final QueueLimits LIMITS = QueueLimits.of(512).withWriteCache(false, false);

  private final HeldDisk disk = new HeldDisk(1 << 20);
  private final BlockDevice lower = disk.disk(HeldDisk.TAGS, LIMITS);
  private final CollectingDriver driver = new CollectingDriver();
  private final List<Request> arrived = driver.arrived();
  private final BlockDevice upper =
      new BlockDevice(
          "upper", 1, 1 << 20, false, new RequestQueue(driver, new TagSet(1, 1, 64, true), LIMITS));
  private final BlockRig rig = new BlockRig(upper);

  @AfterEach
  void close() {
    assertThat(lower.queue().busyTags()).isZero();
    rig.close();
    disk.close();
  }

  private Request submit(int opf, long sector, int... pieces) {
    rig.submit("x", opf, sector, pieces);
    return arrived.get(arrived.size() - 1);
  }

  private List<String> held() {
    return disk.held().stream().map(HeldDisk.Held::line).toList();
  }

  @Test
  void aCloneIsAPartOfTheMemoryAtAnotherPosition() {
    Request request = submit(WRITE | BlkTypes.REQ_META, 8, 2, 3, 4);
    Bio source = request.bio();
    source.setIoprio(0x2004);
    Bio clone = Bio.cloneFast(request, source, 512, 6 * 512, lower, 100);
    assertThat(clone.sector()).isEqualTo(100);
    assertThat(clone.size()).isEqualTo(6 * 512);
    assertThat(clone.bdev()).isSameAs(lower);
    assertThat(clone.opf()).isEqualTo(source.opf());
    assertThat(clone.ioprio()).isEqualTo(0x2004);
    assertThat(clone.vecs()).isEqualTo(3);
    assertThat(clone.vecAddress(0)).isEqualTo(source.vecAddress(0) + 512);
    assertThat(clone.vecLength(0)).isEqualTo(512);
    assertThat(clone.vecAddress(1)).isEqualTo(source.vecAddress(1));
    assertThat(clone.vecLength(1)).isEqualTo(3 * 512);
    assertThat(clone.vecLength(2)).isEqualTo(2 * 512);
    assertThat(source.size()).as("the source is as it was").isEqualTo(9 * 512);
    assertThat(request.submitClones()).isTrue();
    assertThat(held()).containsExactly("write 100+6");
    disk.releaseAll();
    assertThat(rig.ended()).containsExactly("x 0");
  }

  @Test
  void aCloneHasTheDevicesMappingOfItsSource() {
    DmaMapping mapping = new DmaMapping(new long[] {rig.memory()}, new long[] {8192});
    BvecIter fixed = new BvecIter();
    fixed.init(true, rig.memory(), 8192, mapping);
    Bio bio = rig.bio("x", READ, 0);
    bio.setHoldPages();
    assertThat(bio.iovIterGetPages(fixed)).isZero();
    upper.submitBio(rig.task(), bio);
    Request request = arrived.get(0);
    Bio clone = Bio.cloneFast(request, request.bio(), 4096, 4096, lower, 0);
    assertThat(clone.mapping()).isSameAs(mapping);
    request.submitClones();
    disk.releaseAll();
    assertThat(rig.ended()).containsExactly("x 0");
  }

  @Test
  void aCloneThatExceedsTheLowerDisksLimitsIsSplitThere() {
    BlockDevice small = disk.disk(HeldDisk.TAGS, LIMITS.withTransfer(8, 2, 0));
    Request request = submit(READ, 0, 10, 1, 1, 8);
    Bio.cloneFast(request, request.bio(), 0, 20 * 512, small, 0);
    request.submitClones();
    assertThat(held()).containsExactly("read 0+8", "read 8+3", "read 11+8", "read 19+1");
    disk.releaseAll();
    assertThat(rig.ended()).containsExactly("x 0");
  }

  @Test
  void whatIsLeftOfASplitCloneIsSubmittedLater() {
    BlockDevice small = disk.disk(new TagSet(1, 1, 2, false), LIMITS.withTransfer(8, 9, 0));
    Request request = submit(READ, 0, 20);
    Bio.cloneFast(request, request.bio(), 0, 20 * 512, small, 0);
    assertThat(request.submitClones()).isFalse();
    assertThat(request.hasClones()).isTrue();
    assertThat(request.submitClones()).isFalse();
    assertThat(held()).containsExactly("read 0+8", "read 8+8");
    disk.release(0);
    assertThat(request.submitClones()).isTrue();
    assertThat(held()).containsExactly("read 8+8", "read 16+4");
    disk.fail(0, 28);
    assertThat(rig.ended()).isEmpty();
    disk.releaseAll();
    assertThat(rig.ended()).containsExactly("x -28");
    assertThat(request.hasClones()).isFalse();
  }

  @Test
  void theClonesOfMergedBiosAreOfOneRequest() {
    Plug plug = new Plug();
    plug.start(rig.task());
    rig.submit("a", READ, 0, 8);
    rig.submit("b", READ, 8, 8);
    plug.finish(rig.task());
    Request request = arrived.get(0);
    for (Bio bio = request.bio(); bio != null; bio = bio.next()) {
      Bio.cloneFast(request, bio, 0, bio.size(), lower, bio.sector() + 32);
    }
    request.submitClones();
    assertThat(held()).containsExactly("read 32+8", "read 40+8");
    disk.release(1);
    assertThat(rig.ended()).isEmpty();
    disk.release(0);
    assertThat(rig.ended()).containsExactly("a 0", "b 0");
  }

  @Test
  void aCloneOutsideTheLowerDiskFails() {
    Request request = submit(READ, 0, 8);
    Bio.cloneFast(request, request.bio(), 0, 8 * 512, lower, (1 << 11) - 1);
    assertThat(request.submitClones()).isTrue();
    assertThat(rig.ended()).containsExactly("x " + -Errno.EIO);
  }

  @Test
  void aDriversOwnBioIsSubmittedWithoutATask() {
    List<Integer> ended = new ArrayList<>();
    Bio bio = Bio.embedded().init(lower, 8, READ, done -> ended.add(done.status()), null);
    assertThat(bio.addMemory(rig.memory(), 4096)).isTrue();
    Plug plug = new Plug();
    plug.start(rig.task());
    assertThat(lower.submitFromDriver(bio)).isTrue();
    assertThat(held()).as("outside the caller's plug").containsExactly("read 8+8");
    plug.finish(rig.task());
    disk.releaseAll();
    assertThat(ended).containsExactly(0);
  }

  @Test
  void mistakesHaveNamesAndChangeNothing() {
    Request request = submit(READ, 0, 8);
    Bio source = request.bio();
    for (int[] part : new int[][] {{-512, 512}, {0, 9 * 512}, {512, 8 * 512}, {1, 512}, {0, 511}}) {
      assertThatThrownBy(() -> Bio.cloneFast(request, source, part[0], part[1], lower, 0))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith(part[1] + " bytes at " + part[0] + " of bio read 8 sectors");
    }
    assertThatThrownBy(request::submitClones)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("request tag 0 of upper hctx 0 has no clones to submit");
    Bio.cloneFast(request, source, 0, 512, lower, 0);
    request.submitClones();
    assertThatThrownBy(() -> Bio.cloneFast(request, source, 0, 512, lower, 0))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("request tag 0 of upper hctx 0 gets a clone after others were submitted");
    assertThatThrownBy(() -> request.complete(0))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("request tag 0 of upper hctx 0 is completed while its clones are in flight");
    disk.releaseAll();
    assertThat(rig.ended()).containsExactly("x 0");
    assertThatThrownBy(() -> Bio.cloneFast(request, source, 0, 0, lower, 0))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("is not in flight");
    Request many = submit(BlkTypes.REQ_OP_READ, 0, 8);
    for (int i = 0; i < Clones.MAX_CLONES; i++) {
      Bio.cloneFast(many, many.bio(), 0, 512, lower, 0);
    }
    assertThatThrownBy(() -> Bio.cloneFast(many, many.bio(), 0, 512, lower, 0))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("request tag 0 of upper hctx 0 gets more than 4096 clones");
    many.complete(-Errno.EIO);
    assertThat(many.hasClones()).isFalse();
    assertThat(rig.ended()).containsExactly("x 0", "x -5");
  }
}
