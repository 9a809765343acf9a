/** Reads PyTorch programs, as torch.export writes them, into the TFLite graph. */
@NullMarked
package io.jetfire.importer.pytorch;

import org.jspecify.annotations.NullMarked;
