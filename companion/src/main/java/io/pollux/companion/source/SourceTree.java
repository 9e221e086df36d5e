// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.source;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** All Java files of the tree, with their declarations by name. */
public final class SourceTree {
  /** The modules in order of dependency. The list is that of the root's pom. */
  private final List<String> modules;

  private final Path root;
  private final Map<Path, SourceFile> files = new LinkedHashMap<>();
  private final Map<String, List<Decl>> byName = new HashMap<>(); // Outer.Inner#member and Outer
  private final Map<String, List<Decl>> byC = new HashMap<>();

  private final String texts; // of the site

  private SourceTree(Path root, List<String> modules, String texts) {
    this.root = root.toAbsolutePath().normalize();
    this.modules = modules;
    this.texts = texts;
  }

  /**
   * Modules of whose tests only those are read that a difference or a text names: the others are
   * many.
   */
  private static final Set<String> FEW_TESTS = Set.of("fs-xfs", "fs-gfs2", "tools", "it");

  /**
   * Reads a tree.
   *
   * @param root the directory of the tree
   * @param modules the directories of its modules, in order of dependency
   * @param classPath the libraries that the sources use
   * @param faults receives errors of the compiler
   */
  public static SourceTree read(
      Path root, List<String> modules, List<Path> classPath, Faults faults) throws IOException {
    SourceTree tree = new SourceTree(root, modules, texts(root));
    for (String part : List.of("main", "test")) {
      for (String module : modules) {
        tree.find(module, part);
      }
    }
    tree.namePages();
    new TreeReader(tree, faults).read(classPath);
    tree.index();
    return tree;
  }

  private void find(String module, String part) throws IOException {
    Path dir = root.resolve(module).resolve("src").resolve(part).resolve("java");
    if (!Files.isDirectory(dir)) {
      return;
    }
    try (Stream<Path> all = Files.walk(dir)) {
      for (Path each : all.filter(SourceTree::isSource).sorted().toList()) {
        Path path = root.relativize(each);
        if (part.equals("test") && FEW_TESTS.contains(module) && !isNamed(each)) {
          continue;
        }
        files.put(path, new SourceFile(path, module, part.equals("test"), Files.readString(each)));
      }
    }
  }

  /** Where the texts of the site and the table of patches are. */
  private static final List<String> TEXTS =
      List.of("companion/src/main/resources", "it/src/test/resources/io/pollux/it/series");

  private static String texts(Path root) throws IOException {
    StringBuilder all = new StringBuilder();
    for (String dir : TEXTS) {
      if (Files.isDirectory(root.resolve(dir))) {
        try (Stream<Path> found = Files.walk(root.resolve(dir))) {
          for (Path each : found.filter(SourceTree::isText).toList()) {
            all.append(Files.readString(each));
          }
        }
      }
    }
    return all.toString();
  }

  private static boolean isText(Path path) {
    return (path + "").endsWith(".md") || (path + "").endsWith(".tsv");
  }

  /** Whether a difference or a text names a test class. */
  private boolean isNamed(Path test) {
    String name = (test.getFileName() + "").replace(".java", "#");
    return texts.contains(name)
        || files.values().stream().anyMatch(file -> file.text().contains("\"" + name));
  }

  private static boolean isSource(Path path) {
    String name = path.getFileName() + "";
    return name.endsWith(".java") && !name.equals("module-info.java");
  }

  /** Gives each file the name of its class, and a longer name if two classes have one name. */
  private void namePages() {
    Map<String, List<SourceFile>> bySimple = new LinkedHashMap<>();
    for (SourceFile file : files.values()) {
      String simple = file.simpleName();
      if (simple.equals("package-info")) {
        simple = file.packageName() + (file.test() ? ".tests" : "");
      }
      bySimple.computeIfAbsent(simple, s -> new ArrayList<>()).add(file);
    }
    bySimple.forEach(
        (simple, same) -> {
          for (int i = 0; i < same.size(); i++) {
            SourceFile file = same.get(i);
            file.setPage(
                i == 0
                    ? simple + ".html"
                    : file.module().replace('/', '-') + "." + simple + i + ".html");
          }
        });
  }

  private void index() {
    for (SourceFile file : files.values()) {
      for (Decl decl : file.decls()) {
        byName.computeIfAbsent(decl.toString(), s -> new ArrayList<>()).add(decl);
      }
    }
    for (SourceFile file : files.values()) {
      for (Decl decl : file.decls()) {
        constant(decl);
        for (Decl.LinuxName linux : decl.linux()) {
          for (String name : linux.names()) {
            byC.computeIfAbsent(name, s -> new ArrayList<>()).add(decl);
          }
        }
      }
    }
  }

  /** A constant of the ABI, or of a patch, is the counterpart of the C constant of its name. */
  private void constant(Decl decl) {
    boolean named = decl.name().indexOf('_') > 0 && decl.name().equals(upper(decl.name()));
    Decl owner = decl.owner().isEmpty() ? null : find(decl.owner());
    if (decl.kind() == Decl.Kind.FIELD
        && named
        && decl.linux().isEmpty()
        && owner != null
        && !owner.linux().isEmpty()
        && (decl.file().module().equals("uapi") || !decl.patches().isEmpty())) {
      decl.linux.add(new Decl.LinuxName(owner.linux().getFirst().file(), List.of(decl.name())));
    }
  }

  private static String upper(String name) {
    return name.toUpperCase(Locale.ROOT);
  }

  Path root() {
    return root;
  }

  /** The directories of the modules. */
  public List<String> modules() {
    return modules;
  }

  /** All files, in order of modules and paths. */
  public Collection<SourceFile> files() {
    return files.values();
  }

  /**
   * Returns a declaration, or null if there is none. Of several, a main source comes before a test.
   *
   * @param name {@code Class}, {@code Class#member} or {@code Outer.Inner#member}; {@code -2} after
   *     it is the second overload
   */
  public @Nullable Decl find(String name) {
    int dash = name.lastIndexOf('-');
    boolean overload = dash > 0;
    String plain = overload ? name.substring(0, dash) : name;
    List<Decl> found = byName.getOrDefault(plain, List.of());
    for (boolean test : new boolean[] {false, true}) {
      for (Decl decl : found) {
        if (decl.file().test() == test && (!overload || decl.id().endsWith(name.substring(dash)))) {
          return decl;
        }
      }
    }
    return null;
  }

  /** The declarations that are counterparts of a C name. */
  public List<Decl> ofC(String name) {
    return byC.getOrDefault(name, List.of());
  }

  /** The C names that have a counterpart. */
  public Collection<String> namesOfC() {
    return byC.keySet();
  }

  /** All declarations. */
  public Stream<Decl> decls() {
    return files.values().stream().flatMap(file -> file.decls().stream());
  }
}
