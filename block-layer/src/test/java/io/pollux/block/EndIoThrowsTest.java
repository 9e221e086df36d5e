// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.Oops;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Errno;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** After an end_io throws, the kernel repeats nothing that the end_io finished. */
@Timeout(60)
class EndIoThrowsTest {
  private final HeldDisk disk = new HeldDisk(1 << 20);
  private final BlockDevice bdev = disk.disk(new TagSet(1, 0, 8, false), QueueLimits.of(512));
  private final List<String> said = new CopyOnWriteArrayList<>();
  private final List<Long> results = new ArrayList<>();
  private final Request request = new Request();

  /** A request whose object serves one use after the other. */
  private final class Request extends Kiocb {
    Request() {
      use();
    }

    private void use() {
      kiComplete =
          (iocb, res, res2) -> {
            results.add(res);
            nextGeneration();
          };
    }
  }

  @BeforeEach
  void listen() {
    Oops.setSink((sentence, thrown) -> said.add(sentence));
  }

  @AfterEach
  void silence() {
    Oops.setSink(null);
  }

  private Bio init(Bio bio, BioEndIo endIo) {
    return bio.init(bdev, 0, BlkTypes.REQ_OP_READ, endIo, request);
  }

  @Test
  void aRequestThatIsNotCompleteFails() {
    Bio bio = Bio.embedded();
    init(
            bio,
            ended -> {
              throw new AssertionError("broken");
            })
        .endio(0);
    assertThat(results).containsExactly((long) -Errno.EIO);
    assertThat(said).hasSize(1);
    init(bio, Bio::put); // it was put: the next use asserts that
    bio.put();
  }

  /** The end_io completes its request. The object serves another request when the end_io throws. */
  @Test
  void theNextUseOfTheRequestIsNotFailed() {
    init(
            Bio.embedded(),
            ended -> {
              request.complete(512, 0);
              throw new AssertionError("broken");
            })
        .endio(0);
    assertThat(results).containsExactly(512L);
    assertThat(said).hasSize(1);
  }

  /** The end_io puts the bio. The bio serves the same request again when the end_io throws. */
  @Test
  void theNextUseOfTheBioIsNotPut() {
    Bio bio = Bio.embedded();
    init(
            bio,
            ended -> {
              ended.put();
              request.complete(512, 0);
              init(bio, Bio::put);
              throw new AssertionError("broken");
            })
        .endio(0);
    assertThat(bio.bdev()).as("the bio is in use").isSameAs(bdev);
    assertThat(results).containsExactly(512L);
    bio.put();
  }

  /**
   * The end_io puts the bio and then throws. Before the throw, another thread uses and puts the
   * object any number of times. The count of puts differs, although it is plain.
   */
  @Test
  void laterUsesByAnotherThreadAreNotPut() {
    Bio bio = Bio.embedded();
    for (int uses = 1; uses < 100; uses++) {
      int later = uses;
      init(
              bio,
              ended -> {
                ended.put();
                CompletableFuture.runAsync(
                        () -> {
                          for (int i = 0; i < later; i++) {
                            init(bio, Bio::put).put();
                          }
                          init(bio, Bio::put);
                        })
                    .join();
                throw new AssertionError("broken");
              })
          .endio(0);
      assertThat(bio.bdev()).as("the bio is in use").isSameAs(bdev);
      bio.put();
    }
  }

  /** A handler that throws without completing its request is called again, with EIO. */
  @Test
  void aHandlerThatThrowsFailsItsRequest() {
    boolean[] thrown = new boolean[1];
    request.kiComplete =
        (iocb, res, res2) -> {
          results.add(res);
          if (!thrown[0]) {
            thrown[0] = true;
            throw new AssertionError("broken");
          }
        };
    request.complete(512, 0);
    assertThat(results).containsExactly(512L, (long) -Errno.EIO);
    assertThat(said)
        .containsExactly(
            "kernel oops in the completion of a request: java.lang.AssertionError: broken; "
                + "it fails with EIO if it is not complete");
  }
}
