// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.block.bdev.FileSystemType;
import io.pollux.block.bdev.Providers;
import io.pollux.core.ErrnoException;
import io.pollux.tools.console.Failure;
import io.pollux.tools.console.IoReason;
import io.pollux.tools.image.Modules;
import io.pollux.tools.image.Target;
import io.pollux.tools.image.TargetSpec;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A filesystem to be made.
 *
 * @param fs the name of its type
 * @param image the file or block device
 * @param size bytes of a new file; null if it exists
 * @param force overwrite a filesystem that is there
 * @param modules jars with further filesystems; null for those of the environment
 */
record NewFileSystem(
    String fs, Path image, @Nullable Long size, boolean force, @Nullable String modules) {
  private static final int LEAST_BYTES = 512;

  /**
   * Makes it. If that fails, a file that was created is deleted.
   *
   * @param words options in the filesystem's own words
   */
  void make(String words) {
    Providers providers = Modules.load(TargetOptions.modules(modules));
    FileSystemType type;
    try {
      type = providers.fileSystem(fs);
    } catch (ErrnoException e) {
      throw Failure.couldNotRun("--fs " + fs, String.valueOf(e.getMessage()), e);
    }
    boolean created = create();
    boolean done = false;
    try {
      make(type, providers, words);
      done = true;
    } finally {
      if (created && !done) {
        delete();
      }
    }
  }

  private void make(FileSystemType type, Providers providers, String words) {
    TargetSpec spec = TargetSpec.SAMPLE.withImage(image).withFs(Providers.NONE);
    try (Target target = Target.openUnmounted(spec, true, providers)) {
      FileSystemType there = target.kernel().recognise(target.device()).orElse(null);
      if (there != null && !force) {
        throw Failure.couldNotRun(
            image.toString(), "contains a filesystem of type " + there.name() + " (--force)");
      }
      target.kernel().mkfs(type, target.device(), words);
    } catch (ErrnoException e) {
      throw Failure.couldNotRun(image.toString(), String.valueOf(e.getMessage()), e);
    }
  }

  /** Creates the file if it is missing. Returns whether it was. */
  private boolean create() {
    if (Files.exists(image, LinkOption.NOFOLLOW_LINKS)) {
      if (size != null) {
        throw Failure.couldNotRun("--size", "is for a new file, and " + image + " exists");
      }
      return false;
    }
    if (size == null) {
      throw Failure.couldNotRun(image.toString(), "No such file or directory (--size makes one)");
    }
    if (size < LEAST_BYTES) {
      throw Failure.couldNotRun("--size", "a disk has at least " + LEAST_BYTES + " bytes");
    }
    try {
      Files.createFile(image);
    } catch (IOException e) {
      throw Failure.couldNotRun(image.toString(), IoReason.of(e), e);
    }
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      file.setLength(size);
    } catch (IOException e) {
      delete();
      throw Failure.couldNotRun(image.toString(), IoReason.of(e), e);
    }
    return true;
  }

  private void delete() {
    try {
      Files.deleteIfExists(image);
    } catch (IOException e) {
      throw Failure.couldNotRun(image.toString(), IoReason.of(e), e);
    }
  }
}
