package io.jetfire.examples;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.fields;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaCall;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.domain.properties.HasName;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.core.importer.Location;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.dependencies.SlicesRuleDefinition;
import io.jetfire.JetFireException;
import java.util.Locale;
import java.util.concurrent.ForkJoinPool;
import org.jspecify.annotations.NullMarked;

/** The rules of the house, over all modules. */
@AnalyzeClasses(
    packages = "io.jetfire",
    importOptions = {ImportOption.DoNotIncludeTests.class, ArchitectureTest.OnlyJetFire.class})
class ArchitectureTest {

  /** Leaves out what the examples' class path has beside JetFire. */
  static final class OnlyJetFire implements ImportOption {
    @Override
    public boolean includes(Location location) {
      return location.contains("/io/jetfire/") && !location.contains("/io/jetfire/examples/");
    }
  }

  private static final String[] API = {"io.jetfire", "io.jetfire.spi", "io.jetfire.internal"};

  @ArchTest
  static final ArchRule apiDependsOnJSpecifyAlone =
      classes()
          .that()
          .resideInAnyPackage(API)
          .should()
          .onlyDependOnClassesThat()
          .resideInAnyPackage(
              "io.jetfire", "io.jetfire.spi", "io.jetfire.internal", "org.jspecify..", "java..");

  @ArchTest
  static final ArchRule coreDependsOnApiSlf4jAndJackson =
      classes()
          .that()
          .resideInAPackage("io.jetfire.core..")
          .should()
          .onlyDependOnClassesThat()
          .resideInAnyPackage(
              "io.jetfire",
              "io.jetfire.spi",
              "io.jetfire.internal",
              "io.jetfire.core..",
              "org.slf4j..",
              "com.fasterxml.jackson..",
              "org.jspecify..",
              "java..",
              "javax.xml..",
              "org.w3c.dom..",
              "org.xml.sax..");

  @ArchTest
  static final ArchRule onlyApplicationsSeeCore =
      noClasses()
          .that()
          .resideOutsideOfPackage("io.jetfire.core..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("io.jetfire.core..");

  @ArchTest
  static final ArchRule adaptersDoNotSeeEachOther =
      SlicesRuleDefinition.slices()
          .matching("io.jetfire.adapter.(*)..")
          .should()
          .notDependOnEachOther();

  @ArchTest
  static final ArchRule nativeCodeLivesInRuntimeAndAdapters =
      noClasses()
          .that(
              not(
                  resideInAnyPackage(
                      "io.jetfire.runtime..",
                      "io.jetfire.adapter.djl..",
                      "io.jetfire.adapter.mlmd..")))
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("org.bytedeco..", "ai.djl..", "org.sqlite..");

  @ArchTest
  static final ArchRule nobodyPrints =
      noClasses()
          .should()
          .accessField(System.class, "out")
          .orShould()
          .accessField(System.class, "err");

  @ArchTest
  static final ArchRule noCommonPool =
      noClasses()
          .should()
          .callMethod(ForkJoinPool.class, "commonPool")
          .orShould()
          .callMethodWhere(JavaCall.Predicates.target(HasName.Predicates.name("parallelStream")));

  @ArchTest
  static final ArchRule noDefaultLocale =
      noClasses()
          .should()
          .callMethod(String.class, "toLowerCase")
          .orShould()
          .callMethod(String.class, "toUpperCase")
          .orShould()
          .callMethod(String.class, "format", String.class, Object[].class)
          .orShould()
          .callMethod(String.class, "formatted", Object[].class)
          .orShould()
          .callMethod(Locale.class, "getDefault");

  @ArchTest
  static final ArchRule noStaticState =
      fields()
          .that()
          .areStatic()
          .and(
              DescribedPredicate.describe(
                  "are written by hand",
                  f ->
                      !f.getModifiers().contains(JavaModifier.SYNTHETIC)
                          && !f.getName().startsWith("$")))
          .should()
          .beFinal();

  @ArchTest
  static final ArchRule errorsHaveOneRoot =
      classes()
          .that()
          .areAssignableTo(RuntimeException.class)
          .and()
          .arePublic()
          .should()
          .beAssignableTo(JetFireException.class);

  @ArchTest
  static void everyPackageIsNullMarked(JavaClasses all) {
    assertThat(
            all.stream()
                .map(JavaClass::getPackage)
                .distinct()
                .filter(p -> !p.isAnnotatedWith(NullMarked.class))
                .map(p -> p.getName()))
        .isEmpty();
  }

  @ArchTest
  static void somethingWasLookedAt(JavaClasses all) {
    assertThat(all.size()).isGreaterThan(200);
    assertThat(
            all.stream()
                .filter(resideInAPackage("io.jetfire.tflite..").or(resideInAPackage("io.jetfire")))
                .count())
        .isGreaterThan(100);
  }
}
