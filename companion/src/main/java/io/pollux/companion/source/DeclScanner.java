// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.source;

import com.sun.source.tree.AnnotationTree;
import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.tree.Tree;
import com.sun.source.tree.VariableTree;
import com.sun.source.util.SourcePositions;
import com.sun.source.util.TreePathScanner;
import com.sun.source.util.Trees;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import javax.lang.model.element.Element;
import javax.lang.model.element.ElementKind;
import org.jspecify.annotations.Nullable;

/** Finds the declarations of a file. The argument of a visit is the declaration around it. */
final class DeclScanner extends TreePathScanner<@Nullable Void, @Nullable Decl> {
  private static final Set<String> MARKS_OF_TESTS =
      Set.of("Test", "TestFactory", "ParameterizedTest", "Property");

  private final Trees trees;
  private final SourcePositions positions;
  private final CompilationUnitTree unit;
  private final SourceFile file;
  private final Map<Element, Decl> decls;
  private final Map<Element, Integer> locals;
  private final Map<String, Integer> ids = new HashMap<>();

  DeclScanner(
      Trees trees,
      CompilationUnitTree unit,
      SourceFile file,
      Map<Element, Decl> decls,
      Map<Element, Integer> locals) {
    this.trees = trees;
    positions = trees.getSourcePositions();
    this.unit = unit;
    this.file = file;
    this.decls = decls;
    this.locals = locals;
  }

  @Override
  public @Nullable Void visitClass(ClassTree tree, @Nullable Decl around) {
    String name = tree.getSimpleName().toString();
    if (name.isEmpty()) { // anonymous: its members belong to the declaration around it
      return super.visitClass(tree, around);
    }
    Decl decl = add(tree, Decl.Kind.TYPE, name, around, afterModifiers(tree, tree.getModifiers()));
    return super.visitClass(tree, decl == null ? around : decl);
  }

  @Override
  public @Nullable Void visitMethod(MethodTree tree, @Nullable Decl around) {
    boolean constructor = tree.getReturnType() == null;
    String name = constructor && around != null ? around.name() : tree.getName().toString();
    int from =
        constructor
            ? afterModifiers(tree, tree.getModifiers())
            : (int) positions.getEndPosition(unit, tree.getReturnType());
    Decl decl =
        add(
            tree,
            constructor ? Decl.Kind.CONSTRUCTOR : Decl.Kind.METHOD,
            name,
            around,
            Math.max(from, (int) positions.getStartPosition(unit, tree)));
    if (decl != null) {
      decl.test =
          tree.getModifiers().getAnnotations().stream()
              .map(AnnotationTree::getAnnotationType)
              .anyMatch(type -> MARKS_OF_TESTS.contains(type.toString()));
    }
    return super.visitMethod(tree, decl == null ? around : decl);
  }

  @Override
  public @Nullable Void visitVariable(VariableTree tree, @Nullable Decl around) {
    Element element = trees.getElement(getCurrentPath());
    int start = (int) positions.getStartPosition(unit, tree);
    Tree type = tree.getType();
    int from = Math.max(start, type == null ? -1 : (int) positions.getEndPosition(unit, type));
    Tree parent = getCurrentPath().getParentPath().getLeaf();
    if (parent instanceof ClassTree) {
      boolean constant = element != null && element.getKind() == ElementKind.ENUM_CONSTANT;
      if (constant) {
        from = afterModifiers(tree, tree.getModifiers());
      }
      Decl decl = add(tree, Decl.Kind.FIELD, tree.getName().toString(), around, from);
      if (decl != null) {
        decl.constant = constant;
      }
      return super.visitVariable(tree, decl == null ? around : decl);
    }
    int at = nameAt(tree.getName().toString(), from);
    if (element != null && at >= 0) {
      locals.put(element, at);
    }
    return super.visitVariable(tree, around);
  }

  private @Nullable Decl add(
      Tree tree, Decl.Kind kind, String name, @Nullable Decl around, int from) {
    Element element = trees.getElement(getCurrentPath());
    int nameAt = nameAt(name, from);
    int end = (int) positions.getEndPosition(unit, tree);
    if (element == null || nameAt < 0 || end < nameAt) { // implicit, such as a constructor
      return null;
    }
    String owner = "";
    String id = "";
    if (around != null) {
      boolean inMember = around.kind() != Decl.Kind.TYPE;
      owner = inMember ? around.owner() : around.shown();
      id = inMember || !around.owner().isEmpty() ? around.id() + "." : "";
    }
    id += kind == Decl.Kind.CONSTRUCTOR ? "new" : name;
    int same = ids.merge(id, 1, Integer::sum);
    String doc = trees.getDocComment(getCurrentPath());
    String signature = "";
    if (tree instanceof MethodTree method) {
      signature =
          method.getParameters().stream()
              .map(each -> String.valueOf(each.getType()))
              .collect(Collectors.joining(", ", "(", ")"));
    }
    Decl decl =
        new Decl(
            file,
            kind,
            owner,
            name,
            same == 1 ? id : id + "-" + same,
            nameAt,
            (int) positions.getStartPosition(unit, tree),
            end,
            doc == null ? "" : Sentence.firstOf(doc),
            signature);
    file.decls().add(decl);
    decls.put(element, decl);
    Marks.read(element, decl);
    return decl;
  }

  private int afterModifiers(Tree tree, Tree modifiers) {
    int end = (int) positions.getEndPosition(unit, modifiers);
    return Math.max(end, (int) positions.getStartPosition(unit, tree));
  }

  /** The offset of a name as a whole word at or after an offset, or -1. */
  private int nameAt(String name, int from) {
    if (from < 0) {
      return -1;
    }
    List<Token> near =
        Token.of(file.text().substring(from, Math.min(file.text().length(), from + 400)));
    for (Token token : near) {
      if (token.kind() != Token.Kind.COMMENT
          && file.text().substring(from + token.start(), from + token.end()).equals(name)) {
        return from + token.start();
      }
    }
    return -1;
  }
}
