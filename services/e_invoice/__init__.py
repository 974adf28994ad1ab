"""Bills as EN 16931 data in the CII syntax (Factur-X, ZUGFeRD): pure, from a document to XML.

EN 16931-1:2017 names the terms (BT-…) and rules (BR-…) that comments here cite; the profile is Factur-X 1.0 EN 16931.
"""
