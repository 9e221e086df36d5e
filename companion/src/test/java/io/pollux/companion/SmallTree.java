// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A tree of two modules, one patch, and the texts that a site needs. */
public final class SmallTree {
  /** Its modules. */
  public static final List<String> MODULES = List.of("uapi", "kernel-core", "it");

  private static final String TEXTS = "companion/src/main/resources/io/pollux/companion/text/";

  private final Path root;

  private SmallTree(Path root) {
    this.root = root;
  }

  /** Writes the tree into an empty directory. */
  public static SmallTree in(Path root) {
    SmallTree tree = new SmallTree(root);
    tree.java(
        "uapi/src/main", "io.pollux.uapi", "Patch", "public @interface Patch { int[] value(); }");
    tree.java(
        "uapi/src/main",
        "io.pollux.uapi",
        "LinuxSource",
        "public @interface LinuxSource { String file(); String[] name() default {}; }");
    tree.java(
        "uapi/src/main",
        "io.pollux.uapi",
        "Differs",
        """
        public @interface Differs {
          enum Kind { OURS }
          int patch() default 0;
          Kind kind();
          String why();
          String test();
        }
        """);
    tree.java(
        "kernel-core/src/main",
        "io.pollux.core",
        "Pollable",
        """
        import io.pollux.uapi.LinuxSource;
        import io.pollux.uapi.Patch;
        /** A thing that can be polled. More words. */
        public interface Pollable {
          /** Polls {@link Object things}, e.g. a queue. Not this. */
          @Patch(1)
          @LinuxSource(file = "include/linux/fs.h", name = "iopoll")
          int iopoll(int cookie);

          default int twice(int cookie) {
            int sum = iopoll(cookie);
            return sum + iopoll(cookie);
          }
        }
        """);
    tree.java(
        "kernel-core/src/main",
        "io.pollux.core",
        "Queue",
        """
        import io.pollux.uapi.Differs;
        public record Queue(int depth) implements Pollable {
          public static final Queue ONE = new Queue(1);

          @Override
          @Differs(patch = 1, kind = Differs.Kind.OURS, why = "It is small.", test = "QueueTest#polls")
          public int iopoll(int cookie) {
            return depth() + cookie;
          }

          public int iopoll(long cookie) {
            return (int) cookie;
          }
        }
        """);
    tree.java(
        "kernel-core/src/test",
        "io.pollux.core",
        "QueueTest",
        """
        import org.junit.jupiter.api.Test;
        class QueueTest {
          @Test
          void polls() {
            Unknown.assertThat(Queue.ONE.iopoll(2)).isEqualTo(3);
          }
        }
        """);
    tree.write(
        "it/src/test/resources/io/pollux/it/series/series.tsv",
        "# comment\n1\tfs: add a method\tadds it\tiopoll\tkernel-core\n");
    tree.text("patches/01.md", "---\npatch: 1\nlead: \"One.\"\n---\n## The idea\n\nSee `Queue`.\n");
    tree.text(
        "pages/index.md",
        "---\ntitle: First\nsection: home\n---\n[patch](patch:1) [map](page:maps/a#part)\n");
    tree.text("pages/maps/a.md", "---\ntitle: A map\nsection: maps\n---\n## Part\n\nText.\n");
    tree.text("notes/a.md", "# Queue#iopoll @ depth() + cookie\nA *note*.\n");
    return tree;
  }

  private void java(String dir, String packageName, String name, String body) {
    write(
        dir + "/java/" + packageName.replace('.', '/') + "/" + name + ".java",
        "package " + packageName + ";\n\n" + body);
  }

  /** Writes a class of kernel-core. */
  public void kernel(String name, String body) {
    java("kernel-core/src/main", "io.pollux.core", name, body);
  }

  /** The directory of the tree. */
  public Path root() {
    return root;
  }

  /** Writes a text. */
  public void text(String name, String text) {
    write(TEXTS + name, text);
  }

  /** Deletes a text. */
  public void delete(String name) throws IOException {
    Files.delete(root.resolve(TEXTS + name));
  }

  private void write(String name, String text) {
    try {
      Path file = root.resolve(name);
      Files.createDirectories(file.getParent());
      Files.writeString(file, text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
