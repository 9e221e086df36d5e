// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion;

import io.pollux.companion.site.Site;
import io.pollux.companion.source.Faults;
import io.pollux.companion.source.SourceTree;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Makes the site. */
public final class Companion {
  /** The modules in order of dependency, the integration tests last. */
  private static final List<String> MODULES =
      List.of(
          "uapi",
          "kernel-core",
          "kernel-core/fixtures",
          "block-layer",
          "block-layer/fixtures",
          "sample",
          "kernel-aio",
          "kernel-aio/fixtures",
          "fs-iomap",
          "fs-iomap/fixtures",
          "fs-xfs",
          "fs-gfs2",
          "syscalls",
          "userland",
          "testkit",
          "tools",
          "it");

  private Companion() {}

  /**
   * Makes the site of a source tree.
   *
   * @param root the directory of the tree
   * @param output the directory of the site, which is emptied if it holds one
   * @return a line about what was written
   * @throws CompanionException if a text or a source has a fault; there is no site then
   * @throws IOException if a file can't be read or written
   */
  public static String build(Path root, Path output) throws CompanionException, IOException {
    return build(root, output, MODULES);
  }

  /** Makes the site of a tree with some modules. */
  static String build(Path root, Path output, List<String> modules)
      throws CompanionException, IOException {
    Faults faults = new Faults();
    Path from = root.toAbsolutePath().normalize();
    SourceTree tree = SourceTree.read(from, modules, libraries(), faults);
    Site.Size size = Site.write(from, output, tree, faults);
    if (!faults.isEmpty()) {
      throw new CompanionException(faults.all());
    }
    return String.format(
        Locale.ROOT,
        "%s: %d pages, %.1f MB, %d links",
        output.resolve("index.html"),
        size.pages(),
        size.bytes() / 1e6,
        size.links());
  }

  /** The jars that this process runs with: the libraries that the sources need are among them. */
  private static List<Path> libraries() {
    List<Path> jars = new ArrayList<>();
    for (String property : List.of("jdk.module.path", "java.class.path")) {
      for (String entry : System.getProperty(property, "").split(File.pathSeparator, -1)) {
        if (entry.endsWith(".jar")) {
          jars.add(Path.of(entry));
        }
      }
    }
    return jars;
  }
}
