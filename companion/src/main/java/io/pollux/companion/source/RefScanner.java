// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.source;

import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.IdentifierTree;
import com.sun.source.tree.ImportTree;
import com.sun.source.tree.MemberReferenceTree;
import com.sun.source.tree.MemberSelectTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.tree.NewClassTree;
import com.sun.source.tree.ParameterizedTypeTree;
import com.sun.source.tree.Tree;
import com.sun.source.tree.VariableTree;
import com.sun.source.util.SourcePositions;
import com.sun.source.util.TreePath;
import com.sun.source.util.TreePathScanner;
import com.sun.source.util.Trees;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import javax.lang.model.element.Element;
import javax.lang.model.element.ElementKind;
import javax.lang.model.element.TypeElement;
import org.jspecify.annotations.Nullable;

/** Finds the references of a file. The argument of a visit is the declaration around it. */
final class RefScanner extends TreePathScanner<@Nullable Void, @Nullable Decl> {
  private final Trees trees;
  private final SourcePositions positions;
  private final CompilationUnitTree unit;
  private final SourceFile file;
  private final Map<Element, Decl> decls;
  private final Map<Element, Integer> locals;
  private final Set<Integer> seen = new HashSet<>();
  private boolean importing;

  RefScanner(
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
  public @Nullable Void visitImport(ImportTree tree, @Nullable Decl around) {
    importing = true;
    super.visitImport(tree, around);
    importing = false;
    return null;
  }

  @Override
  public @Nullable Void visitClass(ClassTree tree, @Nullable Decl around) {
    return super.visitClass(tree, declared(around));
  }

  @Override
  public @Nullable Void visitMethod(MethodTree tree, @Nullable Decl around) {
    return super.visitMethod(tree, declared(around));
  }

  @Override
  public @Nullable Void visitVariable(VariableTree tree, @Nullable Decl around) {
    return super.visitVariable(tree, declared(around));
  }

  private @Nullable Decl declared(@Nullable Decl around) {
    Element element = trees.getElement(getCurrentPath());
    Decl decl = element == null ? null : decls.get(element);
    return decl == null ? around : decl;
  }

  @Override
  public @Nullable Void visitNewClass(NewClassTree tree, @Nullable Decl around) {
    // the name refers to the constructor if the source has it
    Element element = trees.getElement(getCurrentPath());
    Tree name = tree.getIdentifier();
    if (element != null && decls.get(element) != null) {
      if (name instanceof ParameterizedTypeTree generic) {
        name = generic.getType();
      }
      int end = (int) positions.getEndPosition(unit, name);
      String simple =
          name instanceof MemberSelectTree select
              ? select.getIdentifier().toString()
              : name.toString();
      add(element, end - simple.length(), simple, around);
    }
    return super.visitNewClass(tree, around);
  }

  @Override
  public @Nullable Void visitIdentifier(IdentifierTree tree, @Nullable Decl around) {
    add(
        trees.getElement(getCurrentPath()),
        (int) positions.getStartPosition(unit, tree),
        tree.getName().toString(),
        around);
    return null;
  }

  @Override
  public @Nullable Void visitMemberSelect(MemberSelectTree tree, @Nullable Decl around) {
    String name = tree.getIdentifier().toString();
    Element element = trees.getElement(getCurrentPath());
    int at = (int) positions.getEndPosition(unit, tree) - name.length();
    add(element, at, name, around);
    if (element != null
        && element.getKind() == ElementKind.METHOD
        && element.getEnclosingElement() instanceof TypeElement owner
        && owner.getQualifiedName().contentEquals("java.lang.invoke.VarHandle")) {
      file.accesses().add(new Access(name, at, around));
    }
    return super.visitMemberSelect(tree, around);
  }

  @Override
  public @Nullable Void visitMemberReference(MemberReferenceTree tree, @Nullable Decl around) {
    String name = tree.getName().toString();
    Element element = trees.getElement(new TreePath(getCurrentPath(), tree));
    int end = (int) positions.getEndPosition(unit, tree);
    if (tree.getMode() == MemberReferenceTree.ReferenceMode.NEW) {
      name = "new";
    }
    add(element, end - name.length(), name, around);
    return super.visitMemberReference(tree, around);
  }

  private void add(@Nullable Element element, int at, String name, @Nullable Decl around) {
    if (element == null || at < 0 || !file.text().startsWith(name, at)) {
      return;
    }
    Decl to = resolve(element);
    Integer local = to == null ? locals.get(element) : null;
    if ((to == null && local == null) || !seen.add(at)) {
      return;
    }
    Ref ref = new Ref(file, at, name.length(), around, to, local == null ? 0 : file.lineOf(local));
    file.refs().add(ref);
    if (to != null && !importing) {
      to.uses.add(ref);
    }
  }

  /** The declaration of an element. A record's implicit members are declared by its header. */
  private @Nullable Decl resolve(Element element) {
    Decl decl = decls.get(element);
    if (decl != null) {
      return decl;
    }
    Element owner = element.getEnclosingElement();
    if (owner == null || decls.get(owner) == null) {
      return null;
    }
    if (element.getKind() == ElementKind.CONSTRUCTOR) {
      return decls.get(owner);
    }
    if (owner.getKind() == ElementKind.RECORD) {
      for (Element member : owner.getEnclosedElements()) {
        if (member.getSimpleName().equals(element.getSimpleName()) && decls.get(member) != null) {
          return decls.get(member);
        }
      }
    }
    return null;
  }
}
