"""From the source of a Python function to a tile program: the body is parsed, and a Builder writes what it says.

source      finds and parses the function, and refuses Python that no body can have
capture     what its names mean outside of it, taken when the kernel is decorated
names       what its names mean inside of it, block by block
expressions, forms (of the package's functions), statements: the translation
build       the whole of it
"""
