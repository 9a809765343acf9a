/** A JUnit 5 extension, AssertJ assertions and JUnit XML for users' own tests. */
@NullMarked
package io.jetfire.junit;

import org.jspecify.annotations.NullMarked;
